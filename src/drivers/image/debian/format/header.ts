/**
 * Decides what a content is from its own bytes, so that no tool is ever left to guess (6 of 11 hostile
 * images read a host file when qemu-img guesses). Only raw and plain qcow2 pass.
 */

import { limits } from '#model/limits.ts'
import { judgeQcow2, qcow2Magic, type Verdict } from './qcow2.ts'

export { largestHeadBytes, type Verdict } from './qcow2.ts'

export const sectorBytes = 512

/** Formats that are something else than the disk inside them. `at`: offset; negative: from the end. */
const others: readonly { readonly what: string; readonly at: number; readonly magic: string | Buffer }[] = [
  { what: 'a VMDK image', at: 0, magic: 'KDMV' },
  { what: 'a VMDK image', at: 0, magic: 'COWD' },
  { what: 'a VDI image', at: 0x40, magic: Buffer.from([0x7f, 0x10, 0xda, 0xbe]) },
  { what: 'a VHD image', at: 0, magic: 'conectix' },
  { what: 'a VHD image', at: -512, magic: 'conectix' },
  { what: 'a VHD image', at: -511, magic: 'conectix' },
  { what: 'a VHDX image', at: 0, magic: 'vhdxfile' },
  { what: 'a QED image', at: 0, magic: 'QED\0' },
  { what: 'a Parallels image', at: 0, magic: 'WithoutFreeSpace' },
  { what: 'a Parallels image', at: 0, magic: 'WithouFreSpacExt' },
  { what: 'a Bochs image', at: 0, magic: 'Bochs Virtual HD Image' },
  { what: 'a DMG image', at: -512, magic: 'koly' },
  { what: 'a LUKS-encrypted disk', at: 0, magic: Buffer.from('LUKS\xba\xbe', 'latin1') },
  { what: 'a gzip file', at: 0, magic: Buffer.from([0x1f, 0x8b]) },
  { what: 'an xz file', at: 0, magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]) },
  { what: 'a zstd file', at: 0, magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
  { what: 'an lz4 file', at: 0, magic: Buffer.from([0x04, 0x22, 0x4d, 0x18]) },
  { what: 'a bzip2 file', at: 0, magic: 'BZh' },
  { what: 'a zip file', at: 0, magic: 'PK\x03\x04' },
  { what: 'a 7-Zip file', at: 0, magic: '7z\xbc\xaf\x27\x1c' },
  { what: 'a tar archive (OVA)', at: 257, magic: 'ustar' },
  { what: 'a program (ELF)', at: 0, magic: Buffer.from('\x7fELF', 'latin1') },
]

/** Formats whose head is a text: a descriptor that names other files. */
const texts: readonly { readonly what: string; readonly beginning: RegExp }[] = [
  { what: 'a VMDK description', beginning: /^\s*#\s*Disk DescriptorFile/i },
  { what: 'an XML file (OVF)', beginning: /^(\ufeff|\xef\xbb\xbf)?\s*<\?xml/i },
  { what: 'a compressed loop image', beginning: /^#!\/bin\/sh\n#V2\.0 Format/ },
]

export type Content = {
  /** The first bytes, `largestHeadBytes` at most. */
  readonly head: Buffer
  /** The last sector; empty while it is not known. */
  readonly tail: Buffer
  readonly fileBytes: number
}

/** What a content is, or why it is refused. */
export function judge(content: Content, wished: 'auto' | 'qcow2' | 'raw'): Verdict {
  const { head, fileBytes } = content
  if (fileBytes === 0) return { why: 'it is empty' }
  if (fileBytes > limits.uploadBytes) return { why: `it is larger than ${limits.uploadBytes} bytes` }
  if (wished === 'raw') return judgeRaw(fileBytes)
  if (head.length >= 4 && head.readUInt32BE(0) === qcow2Magic) return judgeQcow2(head, fileBytes)
  if (wished === 'qcow2') return { why: 'it is no qcow2 image' }
  const other = otherFormat(content)
  if (other !== undefined) return { why: `it is ${other}, which Decant cannot take in yet` }
  // An ISO 9660 image is a disk too: it comes here and passes as raw.
  if (fileBytes % sectorBytes !== 0)
    return {
      why: 'it has no known header, and its size is no multiple of 512 bytes as that of a raw disk is',
    }
  return judgeRaw(fileBytes)
}

/** A raw disk has whole sectors; one whose last is short is filled up with zeros. */
function judgeRaw(fileBytes: number): Verdict {
  const virtualBytes = Math.ceil(fileBytes / sectorBytes) * sectorBytes
  return virtualBytes > limits.diskGibPerVolume * 2 ** 30
    ? { why: `its disk is larger than ${limits.diskGibPerVolume} GiB` }
    : { format: 'raw', virtualBytes }
}

function otherFormat({ head, tail }: Content): string | undefined {
  const found = others.find(({ at, magic }) => {
    const wanted = typeof magic === 'string' ? Buffer.from(magic, 'latin1') : magic
    const [where, from] = at < 0 ? [tail, tail.length + at] : [head, at]
    return from >= 0 && where.subarray(from, from + wanted.length).equals(wanted)
  })
  const beginning = head.toString('latin1', 0, 512)
  return found?.what ?? texts.find((text) => text.beginning.test(beginning))?.what
}
