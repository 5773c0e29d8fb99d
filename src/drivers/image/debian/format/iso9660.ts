/** Reads the primary volume descriptor of an ISO 9660 medium (ECMA-119, 4th edition, §9.4). */

import { faultOfSize } from './raw.ts'
import type { Reader, Verdict } from './verdict.ts'

const blockBytes = 2048
export const descriptorAt = 16 * blockBytes

export async function judgeIso(reader: Reader): Promise<Verdict> {
  const descriptor = await reader.read(descriptorAt, blockBytes)
  if (descriptor.length < blockBytes) return { why: 'it is cut short' }
  if (descriptor.toString('latin1', 1, 6) !== 'CD001') return { why: 'it is no ISO 9660 medium' }
  if (descriptor.readUInt16LE(128) !== blockBytes) return { why: 'its blocks have not 2048 bytes' }
  if (descriptor.readUInt32LE(80) * blockBytes > reader.fileBytes) return { why: 'it is cut short' }
  const virtualBytes = Math.ceil(reader.fileBytes / blockBytes) * blockBytes
  const why = faultOfSize(virtualBytes)
  return why === undefined ? { format: 'iso', virtualBytes } : { why }
}
