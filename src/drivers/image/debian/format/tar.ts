/**
 * Reads the table of a tar archive (OVA) without ever unpacking it: plain files with plain names only. Links, devices,
 * folders, sparse files and extended headers are refused: none of them has a place in an OVA.
 *
 * Format: POSIX.1-1988 ustar (IEEE 1003.1, pax, "ustar Interchange Format"); DMTF DSP0243 §5.3 for what an OVA holds.
 */

import { limits } from '#model/limits.ts'
import { sectorBytes, type Reader } from './verdict.ts'

export type ArchiveMember = { readonly name: string; readonly at: number; readonly bytes: number }

const plainName = /^[A-Za-z0-9_(][A-Za-z0-9 ._()+@-]{0,199}$/

/** The members in their order, or why the archive is refused. */
export async function membersOf(
  reader: Reader,
): Promise<readonly ArchiveMember[] | { readonly why: string }> {
  const members: ArchiveMember[] = []
  let at = 0
  while (at + sectorBytes <= reader.fileBytes) {
    const header = await reader.read(at, sectorBytes)
    if (header.every((byte) => byte === 0)) return members
    const member = memberFrom(header, at + sectorBytes)
    if ('why' in member) return member
    if (member.at + member.bytes > reader.fileBytes) return { why: 'the archive is cut short' }
    if (members.some(({ name }) => name === member.name))
      return { why: 'the archive has two members of one name' }
    members.push(member)
    if (members.length > limits.archiveMembers)
      return { why: `the archive has more than ${limits.archiveMembers} members` }
    at = member.at + Math.ceil(member.bytes / sectorBytes) * sectorBytes
  }
  return members
}

function memberFrom(header: Buffer, at: number): ArchiveMember | { readonly why: string } {
  if (!isSummed(header)) return { why: 'the archive is damaged: the checksum of a header is wrong' }
  if (header.toString('latin1', 257, 262) !== 'ustar') return { why: 'the archive is of an old form' }
  const kind = header.toString('latin1', 156, 157)
  if (kind !== '0' && kind !== '\0')
    return { why: `the archive holds ${kinds[kind] ?? 'something that is no plain file'}` }
  const name = textAt(header, 0, 100).replace(/^\.\//, '')
  if (textAt(header, 345, 500) !== '' && !isGnu(header)) return { why: 'the archive holds files in folders' }
  if (!plainName.test(name)) return { why: 'the archive holds a file whose name is not plain' }
  const bytes = numberAt(header, 124)
  return bytes === undefined ? { why: 'the archive is damaged: a length is no number' } : { name, at, bytes }
}

const kinds: Readonly<Record<string, string>> = {
  '1': 'a link',
  '2': 'a symbolic link',
  '3': 'a device',
  '4': 'a device',
  '5': 'a folder',
  '6': 'a pipe',
  S: 'a sparse file',
  x: 'extended headers (pax); make it with tar --format=ustar',
  g: 'extended headers (pax); make it with tar --format=ustar',
  L: 'a long name; make it with tar --format=ustar',
  K: 'a link',
}

/** GNU's own form keeps other things where ustar has the folder. */
const isGnu = (header: Buffer) => header.toString('latin1', 257, 265) === 'ustar  \0'

function textAt(header: Buffer, from: number, to: number): string {
  const text = header.toString('latin1', from, to)
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}

/** Octal digits, or GNU's big-endian binary for what eleven digits cannot hold. */
function numberAt(header: Buffer, at: number): number | undefined {
  const field = header.subarray(at, at + 12)
  if (field.readUInt8(0) === 0x80) {
    const value = field.readBigUInt64BE(4)
    return field.readUInt32BE(0) === 0x8000_0000 && value <= BigInt(limits.uploadBytes)
      ? Number(value)
      : undefined
  }
  const digits = textAt(field, 0, 12).trim()
  return /^[0-7]{1,12}$/.test(digits) ? Number.parseInt(digits, 8) : undefined
}

function isSummed(header: Buffer): boolean {
  let sum = 0
  for (let index = 0; index < sectorBytes; index++)
    sum += index >= 148 && index < 156 ? 32 : (header[index] ?? 0)
  return Number.parseInt(textAt(header, 148, 156).trim(), 8) === sum
}
