/**
 * A firmware of 64 KiB that does nothing but reach long mode, run a loop, take an interrupt and switch the
 * machine off with status 33. Real mode alone proves nothing: there are hosts on which a boot sector runs
 * under /dev/kvm and every kernel hangs.
 */

const romBytes = 65_536

/** Real mode → protected mode → long mode with paging → a million turns → int3 and iretq → out 0xf4. */
const code =
  'fa2e660f011660010f20c00c010f22c066ea1800ffff080066b810008ed88ec08ed0bc00700000b050e6e9bf00100000' +
  '31c0b900140000fcf3abc7050010000003200000c7050020000003300000c7051820000003400000c705003000008300' +
  '0000c705f84f00008300e0ffb8001000000f22d80f20e083c8200f22e0b9800000c00f320d000100000f300f20c00d00' +
  '0000800f22c0ea9d00ffff1800b04ce6e9b940420f004831c04801c8488904250060000048ffc975f048bb20295a6a74' +
  '00000048391c25006000007564bf0068000048b83801ffff000000006689473066c74732180066c74734008e48c1e810' +
  '6689473648c747380000000066c7042500670000ff0f48c7042502670000006800000f011c2500670000bc00660000cc' +
  '4881fa341200007508b04be6e9b010e6f4b020e6f4f4ebf9ba3412000048cf900000000000000000ffff0000009acf00' +
  'ffff00000092cf00ffff0000009aaf001f004001ffff'

/** Where a processor begins: the last sixteen bytes, a jump to the start. */
const resetVector = 'e90d00'

export function probeRom(): Buffer {
  const rom = Buffer.alloc(romBytes, 0xf4)
  rom.write(code, 0, 'hex')
  rom.fill(0, romBytes - 16)
  rom.write(resetVector, romBytes - 16, 'hex')
  return rom
}
