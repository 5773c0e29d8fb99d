/**
 * The head of a qcow2 file, as far as our own volumes need it: writing a new, empty one and reading the
 * head of one that a guest has written to since. Format: QEMU, docs/interop/qcow2.txt.
 */

const magic = 0x514649fb
const clusterBits = 16
const clusterBytes = 1 << clusterBits
const headerBytes = 104
const backingFormatExtension = 0xe2792aca
/** How an encrypted file says that it is: LUKS. */
const luksCrypt = 2
/** Each L1 entry points to an L2 table of one cluster, whose entries of 8 bytes map one cluster each. */
const bytesPerL1Entry = clusterBytes * (clusterBytes / 8)
/** Dirty and corrupt (bits 0 and 1) are states; every other bit would change what the file means. */
const toleratedIncompatible = 0b11n

export type Backing = { readonly file: string; readonly format: 'qcow2' | 'raw' }

/** How much of a file must be read to know its head. */
export const headBytes = clusterBytes

export type Piece = { readonly at: number; readonly bytes: Uint8Array }

/**
 * An empty qcow2 file: header, refcount table and refcount block, each in a cluster of its own, and holes
 * between them. The L1 table follows and is all zeros, so the file need only be made `fileBytes` long.
 */
export function emptyQcow2(virtualBytes: number, backing: Backing | null) {
  const l1Entries = Math.ceil(virtualBytes / bytesPerL1Entry)
  const clusters = 3 + Math.max(1, Math.ceil((l1Entries * 8) / clusterBytes))
  const table = Buffer.alloc(8)
  table.writeBigUInt64BE(BigInt(2 * clusterBytes))
  const counts = Buffer.alloc(2 * clusters)
  for (let cluster = 0; cluster < clusters; cluster++) counts.writeUInt16BE(1, 2 * cluster)
  const pieces: Piece[] = [
    { at: 0, bytes: headOf(virtualBytes, l1Entries, backing) },
    { at: clusterBytes, bytes: table },
    { at: 2 * clusterBytes, bytes: counts },
  ]
  return { pieces, fileBytes: clusters * clusterBytes }
}

function headOf(virtualBytes: number, l1Entries: number, backing: Backing | null): Buffer {
  const name = Buffer.from(backing?.file ?? '')
  const extensions = backing === null ? Buffer.alloc(8) : backingFormat(backing.format)
  const header = Buffer.alloc(headerBytes)
  header.writeUInt32BE(magic, 0)
  header.writeUInt32BE(3, 4)
  header.writeBigUInt64BE(BigInt(name.length === 0 ? 0 : headerBytes + extensions.length), 8)
  header.writeUInt32BE(name.length, 16)
  header.writeUInt32BE(clusterBits, 20)
  header.writeBigUInt64BE(BigInt(virtualBytes), 24)
  header.writeUInt32BE(l1Entries, 36)
  header.writeBigUInt64BE(BigInt(3 * clusterBytes), 40)
  header.writeBigUInt64BE(BigInt(clusterBytes), 48)
  header.writeUInt32BE(1, 56)
  header.writeUInt32BE(4, 96)
  header.writeUInt32BE(headerBytes, 100)
  return Buffer.concat([header, extensions, name])
}

function backingFormat(format: string): Buffer {
  const name = Buffer.from(format)
  const extension = Buffer.alloc(8 + Math.ceil(name.length / 8) * 8 + 8)
  extension.writeUInt32BE(backingFormatExtension, 0)
  extension.writeUInt32BE(name.length, 4)
  name.copy(extension, 8)
  return extension
}

export type Head = { readonly virtualBytes: number; readonly backing: Backing | null }

/**
 * Reads the head of one of our volumes. A guest that escaped into its QEMU owns the file and may have
 * written anything: whatever is not what we would have written is nothing.
 */
export function headFrom(head: Buffer): Head | undefined {
  if (head.length < headerBytes || head.readUInt32BE(0) !== magic || head.readUInt32BE(4) !== 3) return
  const isKnownCrypt = [0, luksCrypt].includes(head.readUInt32BE(32))
  const isPlain = (head.readBigUInt64BE(72) & ~toleratedIncompatible) === 0n && isKnownCrypt
  const virtualBytes = Number(head.readBigUInt64BE(24))
  const nameAt = Number(head.readBigUInt64BE(8))
  const nameBytes = head.readUInt32BE(16)
  if (!isPlain || !Number.isSafeInteger(virtualBytes)) return
  if (nameAt === 0) return { virtualBytes, backing: null }
  if (nameBytes > 1023 || nameAt + nameBytes > head.length) return
  const format = extensionIn(head, backingFormatExtension)
  if (format !== 'raw' && format !== 'qcow2') return
  return { virtualBytes, backing: { file: head.toString('utf8', nameAt, nameAt + nameBytes), format } }
}

function extensionIn(head: Buffer, wanted: number): string | undefined {
  let at = head.readUInt32BE(100)
  while (at >= headerBytes && at + 8 <= head.length) {
    const [type, bytes] = [head.readUInt32BE(at), head.readUInt32BE(at + 4)]
    if (type === 0 || at + 8 + bytes > head.length) return
    if (type === wanted) return head.toString('latin1', at + 8, at + 8 + bytes)
    at += 8 + Math.ceil(bytes / 8) * 8
  }
  return undefined
}
