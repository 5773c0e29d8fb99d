/** Writes what comes through a channel into a file: bounded memory, hashed on the way, holes kept. */

import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { ImageMaker, Report } from '#drivers/image/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { judge, largestHeadBytes, type Content } from './format/header.ts'

export type Wish = Parameters<ImageMaker['receive']>[3]

export type Upload = Content & { readonly sha256: string }

/** Room that an upload leaves for the machines that already run on the datastore. */
export const reserveBytes = 64 * 1024 * 1024
/** How often room is looked at, and a person told. */
const lookEveryBytes = 16 * 1024 * 1024
const zeros = Buffer.alloc(65_536)

export const refused = (why: string) => new Problem('image/refused', { why })

export type Door = {
  readonly into: Datastore
  readonly content: ByteChannel
  readonly wish: Wish
  readonly report: Report
  readonly signal: AbortSignal
}

/** Resolves once the content is whole and synced. Problems `image/refused`, `image/checksum`, `link/lost`. */
export async function receiveUpload(file: string, door: Door): Promise<Upload> {
  const { into, wish, signal } = door
  if (wish.bytes !== null && wish.bytes > limits.uploadBytes)
    throw refused(`it is larger than ${limits.uploadBytes} bytes`)
  await checkRoom(into, wish.bytes ?? 0)
  await using handle = await open(file, 'wx+', 0o600)
  // A sender may fall silent for ever; closing the channel ends the waiting for its next piece.
  const close = () => door.content.close()
  signal.addEventListener('abort', close, { once: true })
  const { bytes, sha256, head } = await poured(handle, door).finally(() =>
    signal.removeEventListener('abort', close),
  )
  signal.throwIfAborted()
  if (wish.bytes !== null && bytes < wish.bytes) throw new Problem('link/lost', { peer: 'the sender' })
  if (wish.sha256 !== null && wish.sha256 !== sha256)
    throw new Problem('image/checksum', { found: sha256, wanted: wish.sha256 })
  await handle.truncate(bytes)
  await handle.sync()
  const tail = Buffer.alloc(Math.min(512, bytes))
  await handle.read(tail, 0, tail.length, bytes - tail.length)
  return { head, tail, fileBytes: bytes, sha256 }
}

export async function checkRoom(into: Datastore, neededBytes: number) {
  const { freeBytes } = await into.look()
  if (freeBytes < neededBytes + reserveBytes)
    throw new Problem('datastore/full', {
      datastore: into.name,
      freeBytes,
      neededBytes: neededBytes + reserveBytes,
    })
}

async function poured(handle: FileHandle, { into, content, wish, report, signal }: Door) {
  const hash = createHash('sha256')
  const head = new Head()
  const startedAt = performance.now()
  let [bytes, looked] = [0, 0]
  report(progressOf(0, wish.bytes, 0))
  for await (const piece of content.bytes) {
    signal.throwIfAborted()
    if (bytes + piece.length > (wish.bytes ?? limits.uploadBytes))
      throw refused(`it is longer than ${wish.bytes === null ? 'an upload may be' : 'was stated'}`)
    hash.update(piece)
    await writeBut(handle, piece, bytes)
    bytes += piece.length
    if (head.add(piece)) refuseEarly(head.bytes(), wish)
    if (bytes - looked < lookEveryBytes) continue
    looked = bytes
    await checkRoom(into, 0)
    report(progressOf(bytes, wish.bytes, performance.now() - startedAt))
  }
  return { bytes, sha256: hash.digest('hex'), head: head.bytes() }
}

/** A hole where the content is zeros: it reads the same and takes no room. */
async function writeBut(handle: FileHandle, piece: Uint8Array, at: number) {
  for (let from = 0; from < piece.length; from += zeros.length) {
    const part = piece.subarray(from, from + zeros.length)
    if (zeros.compare(part, 0, part.length, 0, part.length) === 0) continue
    let written = 0
    while (written < part.length)
      written += (await handle.write(part, written, part.length - written, at + from + written)).bytesWritten
  }
}

/** Terabytes of something dangerous need not arrive before it is refused. */
function refuseEarly(head: Buffer, wish: Wish) {
  const verdict = judge({ head, tail: Buffer.alloc(0), fileBytes: wish.bytes ?? 2 ** 43 }, wish.format)
  if ('why' in verdict) throw refused(verdict.why)
}

function progressOf(bytes: number, total: number | null, elapsedMs: number) {
  const fraction = total === null || total === 0 ? null : Math.min(1, bytes / total)
  const etaSeconds =
    fraction === null || fraction === 0 ? null : Math.round((elapsedMs / 1000) * (1 / fraction - 1))
  return { step: 'Receiving the content', fraction, etaSeconds }
}

/** Collects the first bytes of a content. */
class Head {
  readonly #pieces: Uint8Array[] = []
  #length = 0

  /** True once, when it has become full. */
  add(piece: Uint8Array): boolean {
    if (this.#length >= largestHeadBytes) return false
    const part = piece.slice(0, largestHeadBytes - this.#length)
    this.#pieces.push(part)
    this.#length += part.length
    return this.#length >= largestHeadBytes
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces)
  }
}
