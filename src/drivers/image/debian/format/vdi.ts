/**
 * Reads the header of a VDI: dynamic or fixed, with no parent and no snapshot beneath it.
 * Format: VirtualBox, include/VBox/vd.h and src/VBox/Storage/VDICore.h; what QEMU makes of it: block/vdi.c.
 */

import { faultOfSize } from './raw.ts'
import { numberFrom, sectorBytes, type Reader, type Verdict } from './verdict.ts'

const headerBytes = 512
const blockBytes = 1024 * 1024
const kinds = { dynamic: 1, fixed: 2 }

export async function judgeVdi(reader: Reader): Promise<Verdict> {
  const head = await reader.read(0, headerBytes)
  if (head.length < headerBytes) return { why: 'its header is cut short' }
  const virtualBytes = numberFrom(head.readBigUInt64LE(0x170))
  const why =
    faultOfMeaning(head) ?? faultOfSize(virtualBytes) ?? faultOfTables(head, virtualBytes, reader.fileBytes)
  return why === undefined
    ? { format: 'vdi', virtualBytes: Math.ceil(virtualBytes / sectorBytes) * sectorBytes }
    : { why }
}

function faultOfMeaning(head: Buffer): string | undefined {
  if (head.readUInt32LE(0x44) !== 0x0001_0001) return 'it is a VDI of a version that is not understood'
  const kind = head.readUInt32LE(0x4c)
  const isLinked = [0x1a8, 0x1b8].some((at) => head.subarray(at, at + 16).some((byte) => byte !== 0))
  if (isLinked || kind > kinds.fixed) return 'it stands on another file (a parent)'
  if (kind !== kinds.dynamic && kind !== kinds.fixed) return 'it is a VDI of a kind that is not understood'
  if (head.readUInt32LE(0x168) !== sectorBytes) return 'its sectors have not 512 bytes'
  return head.readUInt32LE(0x178) === blockBytes && head.readUInt32LE(0x17c) === 0
    ? undefined
    : 'its blocks have not 1 MiB'
}

function faultOfTables(head: Buffer, virtualBytes: number, fileBytes: number): string | undefined {
  const [mapAt, dataAt] = [head.readUInt32LE(0x154), head.readUInt32LE(0x158)]
  const [blocks, allocated] = [head.readUInt32LE(0x180), head.readUInt32LE(0x184)]
  if (blocks !== Math.ceil(virtualBytes / blockBytes) || allocated > blocks)
    return 'its block map has a wrong size'
  const isSound = mapAt >= headerBytes && mapAt % sectorBytes === 0 && dataAt % sectorBytes === 0
  if (!isSound || mapAt + blocks * 4 > Math.min(dataAt, fileBytes))
    return 'its block map lies outside the file'
  return dataAt + allocated * blockBytes <= fileBytes ? undefined : 'it is cut short'
}
