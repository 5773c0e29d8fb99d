/**
 * Reads the head of a qcow2 file that a stranger sent and says why it is refused, or how large its disk is.
 * Only what is understood and harmless passes. Format: QEMU, docs/interop/qcow2.txt.
 *
 * Internal snapshots pass: the conversion that follows takes the active state only and drops them.
 */

import { faultOfSize } from './raw.ts'
import { numberFrom, type Reader, type Verdict } from './verdict.ts'

export const qcow2Magic = 0x514649fb

/** The largest cluster that QEMU knows; header extensions lie in the first one. */
export const largestHeadBytes = 2 * 1024 * 1024

/** QEMU's own bounds on the tables (block/qcow2.h: QCOW_MAX_L1_SIZE, QCOW_MAX_REFTABLE_SIZE, snapshots). */
const largestL1Bytes = 32 * 1024 * 1024
const largestRefcountTableBytes = 8 * 1024 * 1024
const mostSnapshots = 65_536

const incompatible = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n }
const understood = incompatible.dirty | incompatible.compression | incompatible.extendedL2
const extension = { dataFile: 0x44415441, crypto: 0x0537be77 }

type Fields = {
  readonly version: number
  readonly backingAt: bigint
  readonly backingBytes: number
  readonly clusterBits: number
  readonly virtualBytes: bigint
  readonly encryption: number
  readonly l1Entries: number
  readonly l1At: bigint
  readonly refcountsAt: bigint
  readonly refcountClusters: number
  readonly snapshots: number
  readonly snapshotsAt: bigint
  readonly features: bigint
  readonly refcountOrder: number
  readonly headerBytes: number
}

export const judgeQcow2 = async (reader: Reader): Promise<Verdict> =>
  judgeQcow2Head(await reader.read(0, largestHeadBytes), reader.fileBytes)

/** `head`: the first bytes of the file, at most `largestHeadBytes`. `fileBytes`: length of the whole. */
export function judgeQcow2Head(head: Buffer, fileBytes: number): Verdict {
  const fields = fieldsOf(head)
  if (fields === undefined) return { why: 'its header is cut short' }
  const why =
    faultOfMeaning(fields, head) ?? faultOfShape(fields) ?? faultOfTables(fields, fileBytes) ?? undefined
  return why === undefined ? { format: 'qcow2', virtualBytes: Number(fields.virtualBytes) } : { why }
}

function fieldsOf(head: Buffer): Fields | undefined {
  if (head.length < 72) return undefined
  const version = head.readUInt32BE(4)
  if (version >= 3 && head.length < 104) return undefined
  return {
    version,
    backingAt: head.readBigUInt64BE(8),
    backingBytes: head.readUInt32BE(16),
    clusterBits: head.readUInt32BE(20),
    virtualBytes: head.readBigUInt64BE(24),
    encryption: head.readUInt32BE(32),
    l1Entries: head.readUInt32BE(36),
    l1At: head.readBigUInt64BE(40),
    refcountsAt: head.readBigUInt64BE(48),
    refcountClusters: head.readUInt32BE(56),
    snapshots: head.readUInt32BE(60),
    snapshotsAt: head.readBigUInt64BE(64),
    features: version >= 3 ? head.readBigUInt64BE(72) : 0n,
    refcountOrder: version >= 3 ? head.readUInt32BE(96) : 4,
    headerBytes: version >= 3 ? head.readUInt32BE(100) : 72,
  }
}

/** What would make the file reach beyond itself, or mean something that we do not understand. */
function faultOfMeaning(fields: Fields, head: Buffer): string | undefined {
  const { version, features, backingAt, backingBytes, encryption } = fields
  if (version !== 2 && version !== 3) return `it is qcow version ${version}; versions 2 and 3 are understood`
  if (backingAt !== 0n || backingBytes !== 0) return 'it stands on another file (a backing file)'
  if ((features & incompatible.dataFile) !== 0n) return 'it keeps its data in another file'
  if ((features & incompatible.corrupt) !== 0n) return 'it is marked as damaged'
  if ((features & ~understood) !== 0n) return 'it uses features that are not understood'
  if (encryption !== 0) return 'it is encrypted'
  const compression = head.length > 104 && fields.headerBytes > 104 ? head.readUInt8(104) : 0
  if (compression > 1) return 'its compression is not understood'
  return faultOfExtensions(fields, head)
}

function faultOfExtensions({ clusterBits, headerBytes }: Fields, head: Buffer): string | undefined {
  const end = Math.min(head.length, 2 ** Math.min(clusterBits, 21))
  let at = headerBytes
  while (at + 8 <= end) {
    const [type, bytes] = [head.readUInt32BE(at), head.readUInt32BE(at + 4)]
    if (type === 0) return undefined
    if (type === extension.dataFile) return 'it keeps its data in another file'
    if (type === extension.crypto) return 'it is encrypted'
    at += 8 + Math.ceil(bytes / 8) * 8
  }
  return at > end ? 'its header runs over its end' : undefined
}

function faultOfShape(fields: Fields): string | undefined {
  const { version, clusterBits, headerBytes, refcountOrder, virtualBytes, features } = fields
  if (clusterBits < 9 || clusterBits > 21) return `its cluster size (2^${clusterBits}) is out of bounds`
  const isHeaderSound = headerBytes % 8 === 0 && headerBytes <= 2 ** clusterBits
  if (!isHeaderSound || headerBytes < (version === 2 ? 72 : 104)) return 'the length of its header is wrong'
  if (refcountOrder > 6) return 'its reference counts are wider than 64 bits'
  if ((features & incompatible.extendedL2) !== 0n && clusterBits < 14) return 'its subclusters are too small'
  return faultOfSize(numberFrom(virtualBytes))
}

/** Every table that the header names lies in the file, at the start of a cluster, and is of a sane size. */
function faultOfTables(fields: Fields, fileBytes: number): string | undefined {
  const { clusterBits, features, virtualBytes, l1Entries, refcountClusters, snapshots } = fields
  const cluster = 2n ** BigInt(clusterBits)
  const entryBytes = (features & incompatible.extendedL2) === 0n ? 8n : 16n
  const bytesPerL1Entry = cluster * (cluster / entryBytes)
  const neededEntries = (virtualBytes + bytesPerL1Entry - 1n) / bytesPerL1Entry
  const refcountBytes = BigInt(refcountClusters) * cluster
  const isInside = (at: bigint, bytes: bigint) =>
    at >= cluster && at % cluster === 0n && at + bytes <= BigInt(fileBytes)

  if (l1Entries * 8 > largestL1Bytes) return 'its L1 table is too large'
  if (BigInt(l1Entries) < neededEntries) return 'its L1 table is too small for its disk'
  if (!isInside(fields.l1At, BigInt(l1Entries) * 8n)) return 'its L1 table lies outside the file'
  if (refcountClusters === 0 || refcountBytes > largestRefcountTableBytes)
    return 'its refcount table has a wrong size'
  if (!isInside(fields.refcountsAt, refcountBytes)) return 'its refcount table lies outside the file'
  if (snapshots > mostSnapshots) return 'it has too many snapshots'
  if (snapshots > 0 && !isInside(fields.snapshotsAt, BigInt(snapshots) * 40n))
    return 'its snapshot table lies outside the file'
  return undefined
}
