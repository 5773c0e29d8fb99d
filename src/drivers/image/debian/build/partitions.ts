/**
 * The partition table of a built disk (GPT, UEFI specification 2.10, §5) and the two places where GRUB begins on a
 * machine with BIOS: its first sector, and the first sector of what it loads (GRUB, boot/i386/pc/boot.S, diskboot.S).
 *
 *     0        1 MiB       4 MiB      64 MiB                    end
 *     │ table   │ GRUB      │ EFI      │ root … grows            │ table again
 *                 part 14     part 15    part 1
 */

import { crc32 } from 'node:zlib'

export const sectorBytes = 512
const mib = 1024 ** 2

export type Part = {
  readonly number: number
  readonly type: string
  readonly id: string
  readonly name: string
  /** Where it begins and how long it is, in bytes; whole MiB. */
  readonly at: number
  readonly bytes: number
}

const types = {
  grub: '21686148-6449-6e6f-744e-656564454649',
  efi: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  root: '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
} as const

export type Layout = { readonly grub: Part; readonly efi: Part; readonly root: Part }

/** `ids`: four random UUIDs: of the disk, and of each part. */
export function layoutOf(diskBytes: number, ids: Readonly<Record<keyof Layout, string>>): Layout {
  const part = (name: keyof Layout, number: number, at: number, end: number): Part => ({
    number,
    type: types[name],
    id: ids[name],
    name,
    at,
    bytes: end - at,
  })
  return {
    grub: part('grub', 14, mib, 4 * mib),
    efi: part('efi', 15, 4 * mib, 64 * mib),
    // The last MiB is the second table's.
    root: part('root', 1, 64 * mib, Math.floor(diskBytes / mib - 1) * mib),
  }
}

const entryBytes = 128
const entryCount = 128
const tableSectors = (entryBytes * entryCount) / sectorBytes

/** As GUIDs are written: the first three groups little-endian. */
function guid(text: string): Buffer {
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex')
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}

function entriesOf(parts: readonly Part[]): Buffer {
  const table = Buffer.alloc(entryBytes * entryCount)
  for (const { number, type, id, name, at, bytes } of parts) {
    const entry = table.subarray((number - 1) * entryBytes)
    guid(type).copy(entry, 0)
    guid(id).copy(entry, 16)
    entry.writeBigUInt64LE(BigInt(at / sectorBytes), 32)
    entry.writeBigUInt64LE(BigInt((at + bytes) / sectorBytes - 1), 40)
    entry.write(name, 56, 72, 'utf16le')
  }
  return table
}

type Place = { readonly self: number; readonly other: number; readonly entries: number }

function headerOf(entries: Buffer, disk: string, sectors: number, { self, other, entries: at }: Place) {
  const header = Buffer.alloc(sectorBytes)
  header.write('EFI PART', 0, 'latin1')
  header.writeUInt32LE(0x00010000, 8)
  header.writeUInt32LE(92, 12)
  header.writeBigUInt64LE(BigInt(self), 24)
  header.writeBigUInt64LE(BigInt(other), 32)
  header.writeBigUInt64LE(BigInt(2 + tableSectors), 40)
  header.writeBigUInt64LE(BigInt(sectors - tableSectors - 2), 48)
  guid(disk).copy(header, 56)
  header.writeBigUInt64LE(BigInt(at), 72)
  header.writeUInt32LE(entryCount, 80)
  header.writeUInt32LE(entryBytes, 84)
  header.writeUInt32LE(crc32(entries), 88)
  header.writeUInt32LE(crc32(header.subarray(0, 92)), 16)
  return header
}

/** A piece of the disk, and where it goes. */
export type Piece = { readonly at: number; readonly bytes: Buffer }

/** The table at both ends; `boot`: GRUB's first sector, to which the protective entry is added. */
export function tablesOf(diskBytes: number, disk: string, layout: Layout, boot: Buffer): readonly Piece[] {
  const sectors = diskBytes / sectorBytes
  const last = sectors - 1
  const entries = entriesOf(Object.values(layout))
  const first = headerOf(entries, disk, sectors, { self: 1, other: last, entries: 2 })
  const second = headerOf(entries, disk, sectors, { self: last, other: 1, entries: last - tableSectors })
  return [
    { at: 0, bytes: Buffer.concat([protectiveSector(boot, sectors), first, entries]) },
    { at: (last - tableSectors) * sectorBytes, bytes: Buffer.concat([entries, second]) },
  ]
}

const codeBytes = 440

/** One entry that claims the whole disk, marked as active: some BIOSes boot nothing else. */
function protectiveSector(boot: Buffer, sectors: number): Buffer {
  const sector = Buffer.alloc(sectorBytes)
  boot.copy(sector, 0, 0, codeBytes)
  sector.set([0x80, 0, 2, 0, 0xee, 0xff, 0xff, 0xff], 446)
  sector.writeUInt32LE(1, 454)
  sector.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), 458)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

/** Both of GRUB's beginnings, told where they lie; undefined when these are not GRUB's. */
export function grubAt(
  { at, bytes }: Part,
  boot: Buffer,
  core: Buffer,
): { readonly boot: Buffer; readonly core: Buffer } | undefined {
  const begins = at / sectorBytes
  const sectors = Math.ceil(core.length / sectorBytes)
  const isGrub = boot.length === sectorBytes && core.length > sectorBytes && boot.readUInt16LE(510) === 0xaa55
  if (!isGrub || core.length > bytes) return undefined
  const [first, rest] = [Buffer.from(boot), Buffer.from(core)]
  first.writeBigUInt64LE(BigInt(begins), 0x5c)
  // The jump that boot.S leaves out for a disk which tells a wrong number of itself, as grub-install does.
  first.writeUInt16LE(0x9090, 0x66)
  rest.writeBigUInt64LE(BigInt(begins + 1), 0x1f4)
  rest.writeUInt16LE(sectors - 1, 0x1fc)
  rest.writeUInt16LE(0x0820, 0x1fe)
  return { boot: first, core: rest }
}
