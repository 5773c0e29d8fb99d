/** An image maker that makes nothing: it counts the bytes and seals, at once or after a time of the clock. */

import { createHash } from 'node:crypto'
import type { Clock } from '#drivers/clock/port.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { ImageMaker, Report } from '#drivers/image/port.ts'
import { Problem } from '#model/problem.ts'

/** How the pretended work goes. May be changed at any time. */
export type FakeWork = {
  /** How long building the starter image takes, in milliseconds of the clock. */
  buildMs: number
  /** Called before each piece of work; throw a problem to play a fault. */
  fault: ((operation: 'build' | 'receive', image: string) => void | Promise<void>) | undefined
}

export const newFakeWork = (settings: Partial<FakeWork> = {}): FakeWork => ({
  buildMs: 0,
  fault: undefined,
  ...settings,
})

/** A content that begins with this plays a dangerous header. */
export const hostileMark = 'hostile!'

const starterFacts = {
  virtualBytes: 128 * 1024 * 1024,
  sha256: '5'.repeat(64),
  format: 'raw',
  boot: 'kernel',
  commandLine: 'console=ttyS0 quiet',
  architecture: 'x86_64',
} as const

const refusal = (why: string) => new Problem('image/refused', { why })

export class FakeImageMaker implements ImageMaker {
  readonly name = 'fake'
  readonly #work: FakeWork
  readonly #clock: Clock | undefined

  constructor(work: FakeWork, clock?: Clock) {
    this.#work = work
    this.#clock = clock
  }

  async buildStarter(image: string, into: Datastore, report: Report, signal: AbortSignal): Promise<void> {
    if ((await into.observeImage(image)).state === 'ready') return
    report({ step: 'Building the starter image', fraction: 0, etaSeconds: this.#work.buildMs / 1000 })
    await this.#making(image, into, signal, async () => {
      await this.#work.fault?.('build', image)
      if (this.#work.buildMs > 0) await this.#clock?.sleep(this.#work.buildMs, signal)
      return starterFacts
    })
    report({ step: 'Done', fraction: 1, etaSeconds: 0 })
  }

  async receive(...[image, into, content, wish, report, signal]: Parameters<ImageMaker['receive']>) {
    if ((await into.observeImage(image)).state === 'ready') throw refusal('it has its content already')
    await this.#making(image, into, signal, async () => {
      await this.#work.fault?.('receive', image)
      report({ step: 'Receiving the content', fraction: wish.bytes === null ? null : 0, etaSeconds: null })
      const { bytes, sha256, head } = await digested(content, signal)
      if (wish.bytes !== null && bytes < wish.bytes) throw new Problem('link/lost', { peer: 'the sender' })
      if (wish.bytes !== null && bytes > wish.bytes) throw refusal('it is longer than was stated')
      if (bytes === 0) throw refusal('it is empty')
      if (head.startsWith(hostileMark)) throw refusal('its header is dangerous')
      if (wish.sha256 !== null && wish.sha256 !== sha256)
        throw new Problem('image/checksum', { found: sha256, wanted: wish.sha256 })
      const format = wish.format === 'qcow2' ? 'qcow2' : 'raw'
      const facts = { virtualBytes: bytes, sha256, format, boot: 'disk', commandLine: '' } as const
      return { ...facts, architecture: 'any' }
    })
  }

  async #making(
    image: string,
    into: Datastore,
    signal: AbortSignal,
    make: () => Promise<Parameters<Datastore['seal']>[1]>,
  ) {
    signal.throwIfAborted()
    await into.draft(image)
    try {
      await into.seal(image, await make())
    } catch (error) {
      await into.removeImage(image, new AbortController().signal)
      throw error
    }
  }
}

async function digested(content: ByteChannel, signal: AbortSignal) {
  const hash = createHash('sha256')
  let bytes = 0
  let head = ''
  signal.addEventListener('abort', () => content.close(), { once: true })
  for await (const piece of content.bytes) {
    signal.throwIfAborted()
    if (bytes === 0) head = Buffer.from(piece.subarray(0, 16)).toString('latin1')
    hash.update(piece)
    bytes += piece.length
  }
  signal.throwIfAborted()
  return { bytes, head, sha256: hash.digest('hex') }
}
