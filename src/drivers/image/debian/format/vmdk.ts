/**
 * Reads the header of a VMDK that is one file: monolithicSparse or streamOptimized. Everything that names
 * another file is refused: flat extents, several extents, parents. A header of capacity 0 would make QEMU
 * read the description in its place, and with it files of the host: refused too.
 *
 * Format: VMware, "Virtual Disk Format 5.0"; what QEMU makes of it: block/vmdk.c.
 */

import { limits } from '#model/limits.ts'
import { faultOfSize } from './raw.ts'
import { isPowerOfTwo, numberFrom, sectorBytes, type Reader, type Verdict } from './verdict.ts'

const headerBytes = 512
/** QEMU looks for words of the description in this many bytes, whatever length the header states. */
const descriptionBytes = 20 * sectorBytes
const atEnd = 0xffff_ffff_ffff_ffffn
/** Line endings are testable, redundant table, zeroed grains, compressed, markers. */
const understoodFlags = 0x1 | 0x2 | 0x4 | 0x10000 | 0x20000
const compressed = 0x10000

type Fields = {
  readonly version: number
  readonly flags: number
  readonly sectors: number
  readonly grainSectors: number
  readonly descriptionAt: number
  readonly entriesPerTable: number
  readonly directoryAt: bigint
  readonly lineEnds: string
  readonly compression: number
}

export async function judgeVmdk(reader: Reader): Promise<Verdict> {
  const head = await reader.read(0, headerBytes)
  if (head.toString('latin1', 0, 4) === 'COWD')
    return { why: 'it is a VMDK of a host (COWD), which is one of several files' }
  if (head.length < headerBytes || head.toString('latin1', 0, 4) !== 'KDMV')
    return { why: 'it is a VMDK description that names other files' }
  const first = fieldsOf(head)
  const last = first.directoryAt === atEnd ? await footerOf(reader) : first
  if (typeof last === 'string') return { why: last }
  const why =
    faultOfHeader(first) ??
    faultOfHeader(last) ??
    faultBetween(first, last) ??
    faultOfDirectory(last, reader.fileBytes) ??
    (await faultOfDescription(reader, first)) ??
    (last === first ? undefined : await faultOfDescription(reader, last))
  return why === undefined ? { format: 'vmdk', virtualBytes: first.sectors * sectorBytes } : { why }
}

const fieldsOf = (head: Buffer): Fields => ({
  version: head.readUInt32LE(4),
  flags: head.readUInt32LE(8),
  sectors: numberFrom(head.readBigUInt64LE(12)),
  grainSectors: numberFrom(head.readBigUInt64LE(20)),
  descriptionAt: numberFrom(head.readBigUInt64LE(28)) * sectorBytes,
  entriesPerTable: head.readUInt32LE(44),
  directoryAt: head.readBigUInt64LE(56),
  lineEnds: head.toString('latin1', 73, 77),
  compression: head.readUInt16LE(77),
})

/** The stream-optimised form ends with marker, footer (a copy of the header) and end-of-stream marker. */
async function footerOf(reader: Reader): Promise<Fields | string> {
  const tail = await reader.read(reader.fileBytes - 3 * sectorBytes, 3 * sectorBytes)
  const isFooter =
    tail.length === 3 * sectorBytes &&
    tail.readUInt32LE(12) === 3 &&
    tail.toString('latin1', 512, 516) === 'KDMV'
  return isFooter ? fieldsOf(tail.subarray(sectorBytes)) : 'it is cut short: its end has no footer'
}

function faultOfHeader(fields: Fields): string | undefined {
  const { version, flags, sectors, grainSectors, entriesPerTable, compression, lineEnds } = fields
  if (version < 1 || version > 3) return `it is VMDK version ${version}; versions 1 to 3 are understood`
  if (lineEnds !== '\n \r\n') return 'it was damaged by a transfer as text'
  if ((flags & ~understoodFlags) !== 0) return 'it uses features that are not understood'
  if (compression > 1 || (compression === 1) !== ((flags & compressed) !== 0))
    return 'its compression is not understood'
  if (sectors === 0) return 'it is a VMDK description that names other files'
  if (!isPowerOfTwo(grainSectors) || grainSectors > 2048) return 'its grain size is out of bounds'
  if (entriesPerTable === 0 || entriesPerTable > 512) return 'its grain tables are out of bounds'
  return faultOfSize(sectors * sectorBytes)
}

const faultBetween = (first: Fields, last: Fields) =>
  first.sectors === last.sectors &&
  first.grainSectors === last.grainSectors &&
  first.entriesPerTable === last.entriesPerTable
    ? undefined
    : 'its footer contradicts its header'

function faultOfDirectory(fields: Fields, fileBytes: number): string | undefined {
  const { sectors, grainSectors, entriesPerTable, directoryAt } = fields
  const entries = Math.ceil(sectors / (grainSectors * entriesPerTable))
  const at = numberFrom(directoryAt) * sectorBytes
  return at >= headerBytes && at + entries * 4 <= fileBytes
    ? undefined
    : 'its grain directory lies outside the file'
}

async function faultOfDescription(reader: Reader, { descriptionAt }: Fields): Promise<string | undefined> {
  if (descriptionAt < headerBytes || descriptionAt >= reader.fileBytes)
    return 'it has no description of its own: it is one of several files'
  const text = (await reader.read(descriptionAt, descriptionBytes)).toString('latin1')
  const end = text.indexOf('\0')
  return faultOfText(end < 0 ? text : text.slice(0, end), text)
}

/** `seen`: also what lies behind the text's end, where QEMU looks as well. */
function faultOfText(text: string, seen: string): string | undefined {
  if (text.length > limits.vmdkDescriptionChars) return 'its description is too long'
  if (/parentFileNameHint/i.test(seen)) return 'it stands on another file (a parent)'
  const parents = [...seen.matchAll(/parentCID\s*=\s*"?([0-9a-f]+)/gi)]
  if (parents.some(([, id]) => id?.toLowerCase() !== 'ffffffff'))
    return 'it stands on another file (a parent)'
  const type = /^\s*createType\s*=\s*"([^"]*)"/im.exec(text)?.[1]
  if (type !== 'monolithicSparse' && type !== 'streamOptimized')
    return `it is a VMDK of the kind ${(type ?? 'unknown').replaceAll(/[^A-Za-z0-9]/g, '').slice(0, 32)}, not of one file`
  const extents = text.split(/\r?\n/).filter((line) => /^\s*(RW|RDONLY|NOACCESS)\s/i.test(line))
  const isOne = extents.length === 1 && /^\s*(RW|RDONLY)\s+\d+\s+SPARSE\s+"[^"]*"\s*$/i.test(extents[0] ?? '')
  return isOne ? undefined : 'its description names other files (extents)'
}
