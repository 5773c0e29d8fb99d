/** Writes what comes into a file: bounded memory, hashed on the way, holes kept, room looked at, marks made. */

import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Datastore } from '#drivers/datastore/port.ts'
import { limits } from '#model/limits.ts'
import { checkRoom, refused } from './refusal.ts'

/** How often room is looked at, and a person told. */
const lookEveryBytes = 16 * 1024 * 1024
const zeros = Buffer.alloc(65_536)

export type Sums = { readonly sha256: string; readonly sha512: string | null }

export type PouringOptions = {
  readonly into: Datastore
  /** The most bytes that the file may have; beyond, `tooLong` says what is wrong. */
  readonly mostBytes: number
  readonly tooLong: string
  readonly wantsSha512?: boolean
  /** Told every few megabytes. */
  readonly onWay?: (bytes: number) => void
  /** Called when so much is safe on the disk; absent: nobody needs to know. */
  readonly onSafe?: (bytes: number) => Promise<void>
}

export class Pouring {
  readonly #handle: FileHandle
  readonly #options: PouringOptions
  readonly #hashes: readonly Hash[]
  #bytes = 0
  #looked = 0
  #marked = 0

  constructor(handle: FileHandle, options: PouringOptions) {
    this.#handle = handle
    this.#options = options
    this.#hashes = ['sha256', ...(options.wantsSha512 === true ? ['sha512'] : [])].map((name) =>
      createHash(name),
    )
  }

  get bytes() {
    return this.#bytes
  }

  /** Reads again what an earlier life wrote, so that the checksum goes on; what lies behind it is cut off. */
  async goOn(offset: number, signal: AbortSignal) {
    await this.#handle.truncate(offset)
    const buffer = Buffer.alloc(1_048_576)
    while (this.#bytes < offset) {
      signal.throwIfAborted()
      const wanted = Math.min(buffer.length, offset - this.#bytes)
      const { bytesRead } = await this.#handle.read(buffer, 0, wanted, this.#bytes)
      if (bytesRead === 0) throw refused('what was kept of it has become shorter')
      this.#hash(buffer.subarray(0, bytesRead))
      this.#bytes += bytesRead
    }
    this.#looked = this.#marked = offset
  }

  async take(piece: Uint8Array) {
    const { mostBytes, tooLong, into, onWay } = this.#options
    if (this.#bytes + piece.length > mostBytes) throw refused(tooLong)
    this.#hash(piece)
    await writeBut(this.#handle, piece, this.#bytes)
    this.#bytes += piece.length
    if (this.#bytes - this.#looked < lookEveryBytes) return
    this.#looked = this.#bytes
    await checkRoom(into, 0)
    onWay?.(this.#bytes)
    const isFar = this.#bytes - this.#marked >= limits.landingMarkBytes
    if (isFar && this.#options.onSafe !== undefined) await this.mark()
  }

  /** Everything so far is safe on the disk, and whoever asks is told so. */
  async mark() {
    await this.#handle.truncate(this.#bytes)
    await this.#handle.datasync()
    this.#marked = this.#bytes
    await this.#options.onSafe?.(this.#bytes)
  }

  /** The checksums of all that was taken; nothing can be taken afterwards. */
  sums(): Sums {
    const [sha256, sha512] = this.#hashes.map((hash) => hash.digest('hex'))
    return { sha256: sha256 ?? '', sha512: sha512 ?? null }
  }

  #hash(piece: Uint8Array) {
    for (const hash of this.#hashes) hash.update(piece)
  }
}

/** The checksums of a file. */
export async function sumsOf(file: string, wantsSha512: boolean, signal: AbortSignal): Promise<Sums> {
  const [first, second] = [createHash('sha256'), wantsSha512 ? createHash('sha512') : undefined]
  for await (const piece of createReadStream(file, { highWaterMark: 1_048_576, signal })) {
    first.update(piece)
    second?.update(piece)
  }
  return { sha256: first.digest('hex'), sha512: second?.digest('hex') ?? null }
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

/** What fraction is done, and how long the rest takes at the pace so far. */
export function paceFrom(offset: number, total: number | null) {
  const startedAt = performance.now()
  return (bytes: number) => {
    const fraction = total === null || total === 0 ? null : Math.min(1, bytes / total)
    const [done, elapsed] = [bytes - offset, (performance.now() - startedAt) / 1000]
    const etaSeconds =
      total === null || done <= 0 ? null : Math.round((elapsed / done) * Math.max(0, total - bytes))
    return { fraction, etaSeconds }
  }
}
