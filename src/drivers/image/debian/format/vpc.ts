/**
 * Reads the footer of a VHD: fixed or dynamic, never differencing.
 * Format: Microsoft, "Virtual Hard Disk Image Format Specification"; what QEMU makes of it: block/vpc.c.
 */

import { faultOfSize } from './raw.ts'
import { isPowerOfTwo, numberFrom, sectorBytes, type Reader, type Verdict } from './verdict.ts'

const cookie = 'conectix'
const dynamicHeaderBytes = 1024
const kinds = { fixed: 2, dynamic: 3, differencing: 4 }
/** The field where a structure keeps its own checksum. */
const sumAt = { footer: 64, header: 36 }

export async function judgeVpc(reader: Reader): Promise<Verdict> {
  const { fileBytes } = reader
  const [head, tail] = [
    await reader.read(0, sectorBytes),
    await reader.read(fileBytes - sectorBytes, sectorBytes),
  ]
  const footer = isFooter(tail) ? tail : undefined
  if (footer === undefined) return { why: 'it is cut short: its end has no VHD footer' }
  if (!isSummed(footer, sumAt.footer)) return { why: 'the checksum of its footer is wrong' }
  const virtualBytes = numberFrom(footer.readBigUInt64BE(48))
  const kind = footer.readUInt32BE(60)
  const why =
    faultOfMeaning(footer) ??
    faultOfSize(virtualBytes) ??
    (kind === kinds.fixed
      ? faultOfFixed(head, virtualBytes, fileBytes)
      : await faultOfDynamic(reader, head, footer))
  return why === undefined ? { format: 'vpc', virtualBytes } : { why }
}

const isFooter = (sector: Buffer) =>
  sector.length === sectorBytes && sector.toString('latin1', 0, 8) === cookie

function faultOfMeaning(footer: Buffer): string | undefined {
  if (footer.readUInt32BE(12) >>> 16 !== 1) return 'it is a VHD of a version that is not understood'
  const kind = footer.readUInt32BE(60)
  if (kind === kinds.differencing) return 'it stands on another file (a parent)'
  if (kind !== kinds.fixed && kind !== kinds.dynamic) return 'it is a VHD of a kind that is not understood'
  return footer.readBigUInt64BE(48) % BigInt(sectorBytes) === 0n
    ? undefined
    : 'its size is no multiple of 512 bytes'
}

function faultOfFixed(head: Buffer, virtualBytes: number, fileBytes: number): string | undefined {
  // QEMU looks at the beginning first: there would be two answers to what the file is.
  if (isFooter(head)) return 'it has a footer at its beginning as well, though it is of fixed size'
  return virtualBytes <= fileBytes - sectorBytes ? undefined : 'it is cut short'
}

async function faultOfDynamic(reader: Reader, head: Buffer, footer: Buffer): Promise<string | undefined> {
  if (!isFooter(head) || !head.equals(footer)) return 'its footer and the copy of it at its beginning differ'
  const headerAt = numberFrom(footer.readBigUInt64BE(16))
  const header =
    headerAt < reader.fileBytes ? await reader.read(headerAt, dynamicHeaderBytes) : Buffer.alloc(0)
  if (header.length < dynamicHeaderBytes || header.toString('latin1', 0, 8) !== 'cxsparse')
    return 'its dynamic header lies outside the file'
  if (!isSummed(header, sumAt.header)) return 'the checksum of its dynamic header is wrong'
  const [tableAt, entries, blockBytes] = [
    numberFrom(header.readBigUInt64BE(16)),
    header.readUInt32BE(28),
    header.readUInt32BE(32),
  ]
  if (!isPowerOfTwo(blockBytes) || blockBytes < sectorBytes * 8 || blockBytes > 2 ** 28)
    return 'its block size is out of bounds'
  if (entries * blockBytes < numberFrom(footer.readBigUInt64BE(48)))
    return 'its block table is too small for its disk'
  return tableAt >= sectorBytes && tableAt + entries * 4 <= reader.fileBytes
    ? undefined
    : 'its block table lies outside the file'
}

/** One's complement of the sum of all bytes but the sum's own. */
function isSummed(bytes: Buffer, at: number): boolean {
  let sum = 0
  for (let index = 0; index < bytes.length; index++)
    if (index < at || index >= at + 4) sum += bytes[index] ?? 0
  return bytes.readUInt32BE(at) === ~sum >>> 0
}
