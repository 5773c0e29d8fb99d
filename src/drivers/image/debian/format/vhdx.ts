/**
 * Reads header, region table and metadata of a VHDX: no parent, and closed (its log is empty).
 * Format: Microsoft, [MS-VHDX]; what QEMU makes of it: block/vhdx.c.
 */

import { faultOfSize } from './raw.ts'
import { isPowerOfTwo, numberFrom, type Reader, type Verdict } from './verdict.ts'

const kibibyte = 1024
const headersAt = [64 * kibibyte, 128 * kibibyte]
const regionsAt = [192 * kibibyte, 256 * kibibyte]
const headerBytes = 4 * kibibyte
const tableBytes = 64 * kibibyte
const mostRegions = 2047
const mostItems = 2047
/** QEMU reads no longer metadata, and a region is never shorter. */
const megabyte = kibibyte * kibibyte

/** GUIDs as they lie in the file. */
const guid = {
  blocks: '6677c22d23f600429d64115e9bfd4a08',
  metadata: '06a27c8b90479a4bb8fe575f050f886e',
  parameters: '3767a1ca36fa434db3b633f0aa44e76b',
  size: '2442a52f1bcd7648b2115dbed83bf4b8',
  sector: '1dbf41816fa90947ba47f233a8faab5f',
  physical: 'c748a3cd5d4471449cc9e9885251c556',
  page83: 'ab12cabee6b2234593efc309e000c746',
  parent: '2d5fd3a80bb34d45abf7d3d84834ab0c',
}

type Span = { readonly at: number; readonly bytes: number }

export async function judgeVhdx(reader: Reader): Promise<Verdict> {
  const why = await faultOfHeader(reader)
  if (why !== undefined) return { why }
  const regions = await regionsOf(reader)
  if (typeof regions === 'string') return { why: regions }
  const items = await itemsOf(reader, regions.metadata)
  if (typeof items === 'string') return { why: items }
  return await judgeItems(reader, regions.blocks, items)
}

async function faultOfHeader(reader: Reader): Promise<string | undefined> {
  const all = await Promise.all(headersAt.map((at) => reader.read(at, headerBytes)))
  const sound = all.filter((header) => isSummed(header, 'head', headerBytes))
  const [newest] = sound.toSorted((a, b) => (a.readBigUInt64LE(8) < b.readBigUInt64LE(8) ? 1 : -1))
  if (newest === undefined) return 'neither of its headers is sound'
  if (newest.readUInt16LE(66) !== 1) return 'it is a VHDX of a version that is not understood'
  // QEMU looks at the log of either header when their numbers are equal: none may have one.
  const hasLog = sound.some((header) => header.subarray(48, 64).some((byte) => byte !== 0))
  return hasLog ? 'it was not closed: its log is not empty' : undefined
}

async function regionsOf(reader: Reader): Promise<{ metadata: Span; blocks: Span } | string> {
  // Both copies are read by somebody: they must agree.
  const [first, second] = await Promise.all(regionsAt.map((at) => reader.read(at, tableBytes)))
  if (first === undefined || !isSummed(first, 'regi', tableBytes)) return 'its region table is not sound'
  if (second === undefined || !first.equals(second)) return 'the copies of its region table differ'
  const count = first.readUInt32LE(8)
  if (count > mostRegions) return 'it has too many regions'
  const found = new Map<string, Span>()
  for (let index = 0; index < count; index++) {
    const entry = first.subarray(16 + index * 32, 48 + index * 32)
    const id = entry.toString('hex', 0, 16)
    const span = { at: numberFrom(entry.readBigUInt64LE(16)), bytes: entry.readUInt32LE(24) }
    if (id !== guid.blocks && id !== guid.metadata) return 'it has regions that are not understood'
    if (found.has(id)) return 'it has a region twice'
    if (span.at < megabyte || span.at % megabyte !== 0 || span.at + span.bytes > reader.fileBytes)
      return 'one of its regions lies outside the file'
    found.set(id, span)
  }
  const [metadata, blocks] = [found.get(guid.metadata), found.get(guid.blocks)]
  return metadata === undefined || blocks === undefined ? 'it lacks a region' : { metadata, blocks }
}

async function itemsOf(reader: Reader, region: Span): Promise<Map<string, Buffer> | string> {
  if (region.bytes < tableBytes) return 'its metadata is too small'
  const table = await reader.read(region.at, tableBytes)
  if (table.length < tableBytes || table.toString('latin1', 0, 8) !== 'metadata')
    return 'its metadata is not sound'
  const count = table.readUInt16LE(10)
  if (count > mostItems) return 'it has too many items of metadata'
  const items = new Map<string, Buffer>()
  for (let index = 0; index < count; index++) {
    const entry = table.subarray(32 + index * 32, 64 + index * 32)
    const id = entry.toString('hex', 0, 16)
    const [at, bytes] = [entry.readUInt32LE(16), entry.readUInt32LE(20)]
    if (id === guid.parent) return 'it stands on another file (a parent)'
    if (items.has(id)) return 'it has an item of metadata twice'
    if (bytes > 64 || at + bytes > region.bytes) return 'an item of its metadata lies outside its region'
    items.set(id, await reader.read(region.at + at, bytes))
  }
  return items
}

async function judgeItems(reader: Reader, blocks: Span, items: Map<string, Buffer>): Promise<Verdict> {
  const known = new Set<string>([guid.parameters, guid.size, guid.sector, guid.physical, guid.page83])
  if ([...items.keys()].some((id) => !known.has(id))) return { why: 'it has metadata that is not understood' }
  const [parameters, size, sector] = [
    items.get(guid.parameters),
    items.get(guid.size),
    items.get(guid.sector),
  ]
  if (parameters?.length !== 8 || size?.length !== 8 || sector?.length !== 4)
    return { why: 'it lacks metadata' }
  if ((parameters.readUInt32LE(4) & 2) !== 0) return { why: 'it stands on another file (a parent)' }
  const [blockBytes, sectorSize] = [parameters.readUInt32LE(0), sector.readUInt32LE(0)]
  if (!isPowerOfTwo(blockBytes) || blockBytes < megabyte || blockBytes > 256 * megabyte)
    return { why: 'its block size is out of bounds' }
  if (sectorSize !== 512) return { why: 'its sectors have not 512 bytes' }
  const virtualBytes = numberFrom(size.readBigUInt64LE(0))
  const why = faultOfSize(virtualBytes)
  if (why !== undefined) return { why }
  if (virtualBytes % sectorSize !== 0) return { why: 'its size is no multiple of 512 bytes' }
  const ratio = (2 ** 23 * sectorSize) / blockBytes
  const data = Math.ceil(virtualBytes / blockBytes)
  const entries = data + Math.floor((data - 1) / ratio)
  return entries * 8 <= blocks.bytes
    ? { format: 'vhdx', virtualBytes }
    : { why: 'its block table is too small for its disk' }
}

function isSummed(bytes: Buffer, signature: string, length: number): boolean {
  if (bytes.length < length || bytes.toString('latin1', 0, 4) !== signature) return false
  const blank = Buffer.from(bytes)
  blank.writeUInt32LE(0, 4)
  return crc32c(blank) === bytes.readUInt32LE(4)
}

/** CRC-32C (Castagnoli), reflected: RFC 3720, appendix B.4. */
const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ 0x82f6_3b78
  return value
})

export function crc32c(bytes: Uint8Array): number {
  let value = 0xffff_ffff
  for (const byte of bytes) value = (table[(value ^ byte) & 255] ?? 0) ^ (value >>> 8)
  return ~value >>> 0
}
