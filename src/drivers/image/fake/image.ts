/** An image maker that makes nothing: it counts the bytes and seals, at once or after a time of the clock. */

import { createHash } from 'node:crypto'
import type { Clock } from '#drivers/clock/port.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { ContentPart, Exported, ExportOrder, ImageMaker } from '#drivers/image/port.ts'
import { sourceOf, type ImageSpec } from '#kinds/image/schema.ts'
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

const madeFacts = {
  virtualBytes: 1024 * 1024 * 1024,
  sha256: '6'.repeat(64),
  format: 'qcow2',
  boot: 'disk',
  commandLine: '',
  architecture: 'any',
} as const

const empty = new Uint8Array()

type Taking = {
  readonly before: Uint8Array
  readonly wish: ContentPart
  readonly signal: AbortSignal
}

const refusal = (why: string) => new Problem('image/refused', { why })

export class FakeImageMaker implements ImageMaker {
  readonly name = 'fake'
  readonly reader = null
  readonly #work: FakeWork
  readonly #clock: Clock | undefined
  /** Parts of contents, by image. They live as long as this object. */
  readonly #landed = new Map<string, Uint8Array>()

  constructor(work: FakeWork, clock?: Clock) {
    this.#work = work
    this.#clock = clock
  }

  async make(...[image, into, order, report, signal]: Parameters<ImageMaker['make']>): Promise<void> {
    if ((await into.observeImage(image)).state === 'ready') return
    report({ step: 'Making the image', fraction: 0, etaSeconds: this.#work.buildMs / 1000 })
    await this.#making(image, into, signal, async () => {
      await this.#work.fault?.('build', image)
      if (this.#work.buildMs > 0) await this.#clock?.sleep(this.#work.buildMs, signal)
      return sourceOf(order.spec) === 'starter' ? starterFacts : madeFacts
    })
    report({ step: 'Done', fraction: 1, etaSeconds: 0 })
  }

  async landed(image: string): Promise<number> {
    return this.#landed.get(image)?.length ?? 0
  }

  async receive(...[image, into, content, wish, report, signal]: Parameters<ImageMaker['receive']>) {
    if ((await into.observeImage(image)).state === 'ready') throw refusal('it has its content already')
    signal.throwIfAborted()
    await this.#work.fault?.('receive', image)
    report({ step: 'Receiving the content', fraction: wish.bytes === null ? null : 0, etaSeconds: null })
    const before = this.#landed.get(image)
    const have = before?.length ?? 0
    if (wish.offset !== 0 && wish.offset !== have)
      throw new Problem('image/offset', { given: wish.offset, have })
    await this.#taken(image, content, { before: wish.offset === 0 ? empty : (before ?? empty), wish, signal })
    const whole = this.#landed.get(image) ?? empty
    if (wish.total !== null && whole.length < wish.total) return 'partial' as const
    await this.#making(image, into, signal, async () => factsOf(whole, wish.spec)).catch((error: unknown) => {
      this.#landed.delete(image)
      throw error
    })
    this.#landed.delete(image)
    return 'sealed' as const
  }

  async export(_into: Datastore, order: ExportOrder): Promise<Exported> {
    const content = Buffer.from(`${order.format} ${order.disks.map(({ file }) => file).join(' ')}`)
    return {
      bytes: content.length,
      content: (async function* () {
        yield content
      })(),
      close: async () => undefined,
    }
  }

  /** What comes is kept, also when it ends before its end. */
  async #taken(image: string, content: ByteChannel, { before, wish, signal }: Taking) {
    const close = () => content.close()
    signal.addEventListener('abort', close, { once: true })
    const pieces: Uint8Array[] = [before]
    const keep = () => this.#landed.set(image, Buffer.concat(pieces))
    try {
      for await (const piece of content.bytes) pieces.push(Uint8Array.from(piece))
    } finally {
      signal.removeEventListener('abort', close)
      keep()
    }
    signal.throwIfAborted()
    const come = (this.#landed.get(image)?.length ?? 0) - before.length
    if (wish.bytes !== null && come < wish.bytes) throw new Problem('link/lost', { peer: 'the sender' })
    if (wish.bytes !== null && come > wish.bytes) throw refusal('it is longer than was stated')
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

function factsOf(content: Uint8Array, spec: ImageSpec): Parameters<Datastore['seal']>[1] {
  const sha256 = createHash('sha256').update(content).digest('hex')
  if (content.length === 0) throw refusal('it is empty')
  if (Buffer.from(content.subarray(0, 16)).toString('latin1').startsWith(hostileMark))
    throw refusal('its header is dangerous')
  if (spec.sha256 !== undefined && spec.sha256 !== sha256)
    throw new Problem('image/checksum', { found: sha256, wanted: spec.sha256 })
  const format = spec.format === 'qcow2' ? 'qcow2' : 'raw'
  const facts = { virtualBytes: content.length, sha256, format, boot: 'disk', commandLine: '' } as const
  return { ...facts, architecture: 'any' }
}
