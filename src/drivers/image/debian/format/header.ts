/**
 * Decides what a content is from its own bytes, so that no tool is ever left to guess (6 of 11 hostile
 * images read a host file when qemu-img guesses). Only formats whose reader stands in this folder pass.
 */

import type { ImageSpec } from '#kinds/image/schema.ts'
import { limits } from '#model/limits.ts'
import { descriptorAt, judgeIso } from './iso9660.ts'
import { judgeQcow2, judgeQcow2Head, largestHeadBytes, qcow2Magic } from './qcow2.ts'
import { judgeRaw } from './raw.ts'
import { judgeVdi } from './vdi.ts'
import { sectorBytes, type DiskFormat, type Reader, type Verdict } from './verdict.ts'
import { judgeVhdx } from './vhdx.ts'
import { judgeVmdk } from './vmdk.ts'
import { judgeVpc } from './vpc.ts'

export { largestHeadBytes }

export type WishedFormat = ImageSpec['format']
export type Packing = 'gz' | 'xz' | 'zst'

/** A disk in a format, a packed content, an archive of disks, something refused, or nothing known. */
export type Kind =
  | { readonly is: 'disk'; readonly format: DiskFormat }
  | { readonly is: 'packed'; readonly packing: Packing }
  | { readonly is: 'archive' }
  | { readonly is: 'other'; readonly what: string }
  | { readonly is: 'unknown' }

type Mark = { readonly at: number; readonly magic: string; readonly kind: Kind }

const disk = (format: DiskFormat): Kind => ({ is: 'disk', format })
const packed = (packing: Packing): Kind => ({ is: 'packed', packing })
const other = (what: string): Kind => ({ is: 'other', what })

/** `at`: offset; negative: from the end. `magic`: bytes as Latin-1. */
const marks: readonly Mark[] = [
  { at: 0, magic: 'QFI\xfb', kind: disk('qcow2') },
  { at: 0, magic: 'KDMV', kind: disk('vmdk') },
  { at: 0, magic: 'COWD', kind: disk('vmdk') },
  { at: 0x40, magic: '\x7f\x10\xda\xbe', kind: disk('vdi') },
  { at: 0, magic: 'vhdxfile', kind: disk('vhdx') },
  { at: 0, magic: 'conectix', kind: disk('vpc') },
  { at: 0, magic: '\x1f\x8b', kind: packed('gz') },
  { at: 0, magic: '\xfd7zXZ\0', kind: packed('xz') },
  { at: 0, magic: '\x28\xb5\x2f\xfd', kind: packed('zst') },
  { at: 0, magic: 'QED\0', kind: other('a QED image') },
  { at: 0, magic: 'WithoutFreeSpace', kind: other('a Parallels image') },
  { at: 0, magic: 'WithouFreSpacExt', kind: other('a Parallels image') },
  { at: 0, magic: 'Bochs Virtual HD Image', kind: other('a Bochs image') },
  { at: 0, magic: 'LUKS\xba\xbe', kind: other('a LUKS-encrypted disk') },
  { at: 0, magic: '\x04\x22\x4d\x18', kind: other('an lz4 file') },
  { at: 0, magic: 'BZh', kind: other('a bzip2 file') },
  { at: 0, magic: 'PK\x03\x04', kind: other('a zip file') },
  { at: 0, magic: '7z\xbc\xaf\x27\x1c', kind: other('a 7-Zip file') },
  { at: 0, magic: '\x7fELF', kind: other('a program (ELF)') },
  { at: 257, magic: 'ustar', kind: { is: 'archive' } },
  { at: descriptorAt + 1, magic: 'CD001', kind: disk('iso') },
  { at: -512, magic: 'koly', kind: other('a DMG image') },
  { at: -512, magic: 'conectix', kind: disk('vpc') },
  { at: -511, magic: 'conectix', kind: other('a VHD image of an old form') },
]

/** Formats whose head is a text: a description that names other files. */
const texts: readonly { readonly what: string; readonly beginning: RegExp }[] = [
  { what: 'a VMDK description that names other files', beginning: /^\s*#\s*Disk DescriptorFile/i },
  {
    what: 'an OVF description without its disks; send the OVA',
    beginning: /^(\ufeff|\xef\xbb\xbf)?\s*<\?xml/i,
  },
  { what: 'a compressed loop image', beginning: /^#!\/bin\/sh\n#V2\.0 Format/ },
]

/** Enough for every mark that does not stand at the end. */
export const sniffBytes = descriptorAt + 8

export function sniff(head: Buffer, tail: Buffer): Kind {
  const found = marks.find(({ at, magic }) => {
    const [where, from] = at < 0 ? [tail, tail.length + at] : [head, at]
    return from >= 0 && where.toString('latin1', from, from + magic.length) === magic
  })
  if (found !== undefined) return found.kind
  const beginning = head.toString('latin1', 0, 512)
  const text = texts.find((text) => text.beginning.test(beginning))
  return text === undefined ? { is: 'unknown' } : other(text.what)
}

export async function kindOf(reader: Reader): Promise<Kind> {
  const head = await reader.read(0, sniffBytes)
  const tail = await reader.read(Math.max(0, reader.fileBytes - sectorBytes), sectorBytes)
  return sniff(head, tail)
}

const readers: Readonly<Record<DiskFormat, (reader: Reader) => Promise<Verdict>>> = {
  qcow2: judgeQcow2,
  raw: async ({ fileBytes }) => judgeRaw(fileBytes),
  vmdk: judgeVmdk,
  vdi: judgeVdi,
  vpc: judgeVpc,
  vhdx: judgeVhdx,
  iso: judgeIso,
}

/** What a content is that is neither packed nor an archive, or why it is refused. */
export async function judge(reader: Reader, wished: WishedFormat): Promise<Verdict> {
  const { fileBytes } = reader
  if (fileBytes === 0) return { why: 'it is empty' }
  if (fileBytes > limits.uploadBytes) return { why: `it is larger than ${limits.uploadBytes} bytes` }
  if (wished === 'raw') return judgeRaw(fileBytes)
  const kind = await kindOf(reader)
  if (kind.is === 'other') return { why: `it is ${kind.what}, which Decant does not take in` }
  if (kind.is === 'packed') return { why: `it is packed once more (${kind.packing})` }
  if (kind.is === 'archive') return { why: 'it is an archive (tar) in an archive' }
  if (kind.is === 'disk')
    return wished === 'auto' || wished === 'ova' || wished === kind.format
      ? await readers[kind.format](reader)
      : { why: `it is no ${wished} image, but one of the format ${kind.format}` }
  if (wished !== 'auto' && wished !== 'ova') return { why: `it is no ${wished} image` }
  return fileBytes % sectorBytes === 0
    ? judgeRaw(fileBytes)
    : { why: 'it has no known header, and its size is no multiple of 512 bytes as that of a raw disk is' }
}

/** What can be refused from the first bytes alone, so that terabytes need not arrive before. */
export function faultOfHead(head: Buffer, fileBytes: number, wished: WishedFormat): string | undefined {
  if (wished === 'raw') return undefined
  const kind = sniff(head, Buffer.alloc(0))
  if (kind.is === 'other') return `it is ${kind.what}, which Decant does not take in`
  if (head.length < 4 || head.readUInt32BE(0) !== qcow2Magic) return undefined
  const verdict = judgeQcow2Head(head, fileBytes)
  return 'why' in verdict ? verdict.why : undefined
}
