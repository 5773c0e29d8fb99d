/** What every image maker proves: the promises of `port.ts`, one test each. */

import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import type { ContentPart, ImageMaker } from './port.ts'

export type ImageRig = {
  readonly maker: ImageMaker
  readonly into: Datastore
  /** A content that is fine as raw, a multiple of 512 bytes. */
  readonly plain: Uint8Array
  /** A content whose own header is dangerous. */
  readonly hostile: Uint8Array
  dispose(): Promise<void>
}

/** A channel that brings the given pieces and takes nothing. */
export const channelOf = (pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): ByteChannel => ({
  bytes: (async function* () {
    yield* pieces
  })(),
  write: async () => undefined,
  end: () => undefined,
  close: () => undefined,
})

const pieces = (bytes: Uint8Array, size = 700) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )

async function* torn(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 512)
  throw new Problem('link/lost', { peer: 'the sender' })
}

const never = new AbortController().signal
const quiet = () => undefined
const whole: ContentPart = { offset: 0, bytes: null, total: null }
const wishOf = (part: Partial<ContentPart> = {}, spec: object = {}) => ({
  ...whole,
  ...part,
  spec: imageKind.spec.parse(spec),
})
const wish = wishOf()
const refused = (code: ProblemCode) => (error: unknown) => error instanceof Problem && error.code === code
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export function obeysImageContract(name: string, make: (t: TestContext) => Promise<ImageRig>) {
  const promise = (title: string, prove: (rig: ImageRig) => Promise<void>) =>
    test(`image maker ${name}: ${title}`, async (t) => {
      const rig = await make(t)
      t.after(() => rig.dispose())
      await prove(rig)
    })
  contentPromises(promise)
  resumePromises(promise)
  refusalPromises(promise)
}

function resumePromises(promise: Promised) {
  promise('an upload that broke off goes on where it was, also twice', async ({ maker, into, plain }) => {
    const image = randomUUID()
    assert.equal(await maker.landed(image, into), 0)
    const total = plain.length
    const torn = (from: number, to: number) =>
      channelOf(
        (async function* () {
          yield plain.subarray(from, to)
          throw new Problem('link/lost', { peer: 'the sender' })
        })(),
      )
    const send = (channel: ByteChannel, offset: number) =>
      maker.receive(image, into, channel, wishOf({ offset, bytes: total - offset, total }), quiet, never)
    await assert.rejects(send(torn(0, 512), 0), refused('link/lost'))
    assert.equal(await maker.landed(image, into), 512)
    await assert.rejects(send(torn(512, 1024), 512), refused('link/lost'))
    assert.equal(await maker.landed(image, into), 1024)
    await assert.rejects(send(channelOf([]), 1536), refused('image/offset'))
    assert.equal(await send(channelOf(pieces(plain.subarray(1024))), 1024), 'sealed')
    const sight = await into.observeImage(image)
    assert.deepEqual([sight.state, sight.sha256], ['ready', hashOf(plain)])
  })

  promise('a part that is not the last one is kept, and no image yet', async ({ maker, into, plain }) => {
    const image = randomUUID()
    const total = plain.length
    const part = (from: number, to: number) =>
      maker.receive(
        image,
        into,
        channelOf(pieces(plain.subarray(from, to))),
        wishOf({ offset: from, bytes: to - from, total }),
        quiet,
        never,
      )
    assert.equal(await part(0, 1024), 'partial')
    assert.equal((await into.observeImage(image)).state, 'absent')
    assert.equal(await part(1024, total), 'sealed')
    assert.equal((await into.observeImage(image)).sha256, hashOf(plain))
  })

  promise('a content that is refused is not kept', async ({ maker, into, hostile }) => {
    const image = randomUUID()
    const work = maker.receive(image, into, channelOf(pieces(hostile)), wish, quiet, never)
    await assert.rejects(work, refused('image/refused'))
    assert.equal(await maker.landed(image, into), 0)
  })
}

type Promised = (title: string, prove: (rig: ImageRig) => Promise<void>) => void

function contentPromises(promise: Promised) {
  promise('a content becomes a sealed image with its facts', async ({ maker, into, plain }) => {
    const image = randomUUID()
    const sha256 = hashOf(plain)
    const steps: string[] = []
    const stated = wishOf({ bytes: plain.length, total: plain.length }, { sha256 })
    await maker.receive(
      image,
      into,
      channelOf(pieces(plain)),
      stated,
      ({ step, fraction }) => {
        steps.push(step)
        assert.ok(fraction === null || (fraction >= 0 && fraction <= 1))
      },
      never,
    )
    const sight = await into.observeImage(image)
    assert.deepEqual(
      [sight.state, sight.format, sight.virtualBytes, sight.sha256, sight.boot],
      ['ready', 'raw', plain.length, sha256, 'disk'],
    )
    assert.ok(steps.length > 0)
  })

  promise('a second content for a sealed image is refused and changes nothing (I-33)', async (rig) => {
    const image = randomUUID()
    const send = (bytes: Uint8Array) =>
      rig.maker.receive(image, rig.into, channelOf(pieces(bytes)), wish, quiet, never)
    await send(rig.plain)
    await assert.rejects(send(rig.plain.slice(512)), refused('image/refused'))
    assert.equal((await rig.into.observeImage(image)).sha256, hashOf(rig.plain))
  })
}

function refusalPromises(promise: Promised) {
  const leavesNothing = (
    title: string,
    code: ProblemCode,
    send: (rig: ImageRig, image: string) => Promise<unknown>,
  ) =>
    promise(title, async (rig) => {
      const image = randomUUID()
      await assert.rejects(send(rig, image), refused(code))
      assert.equal((await rig.into.observeImage(image)).state, 'absent')
    })

  leavesNothing('a dangerous header is refused', 'image/refused', ({ maker, into, hostile }, image) =>
    maker.receive(image, into, channelOf(pieces(hostile)), wish, quiet, never),
  )
  leavesNothing('an empty content is refused', 'image/refused', ({ maker, into }, image) =>
    maker.receive(image, into, channelOf([]), wish, quiet, never),
  )
  leavesNothing('a wrong checksum is refused', 'image/checksum', ({ maker, into, plain }, image) =>
    maker.receive(
      image,
      into,
      channelOf(pieces(plain)),
      wishOf({}, { sha256: '0'.repeat(64) }),
      quiet,
      never,
    ),
  )
  leavesNothing('a broken upload makes no image', 'link/lost', ({ maker, into, plain }, image) =>
    maker.receive(image, into, channelOf(torn(plain)), wish, quiet, never),
  )
  leavesNothing('fewer bytes than stated make no image', 'link/lost', ({ maker, into, plain }, image) =>
    maker.receive(image, into, channelOf(pieces(plain)), wishOf({ bytes: plain.length + 1 }), quiet, never),
  )
  leavesNothing('more bytes than stated are refused', 'image/refused', ({ maker, into, plain }, image) =>
    maker.receive(image, into, channelOf(pieces(plain)), wishOf({ bytes: plain.length - 1 }), quiet, never),
  )

  promise('an abort while the sender is silent ends the waiting and leaves nothing', async (rig) => {
    const image = randomUUID()
    const silence = Promise.withResolvers<void>()
    const channel: ByteChannel = {
      ...channelOf([]),
      bytes: (async function* () {
        yield rig.plain.subarray(0, 512)
        await silence.promise
      })(),
      close: () => silence.resolve(),
    }
    const stop = new AbortController()
    const work = rig.maker.receive(image, rig.into, channel, wish, quiet, stop.signal)
    setImmediate(() => stop.abort(new Error('stop')))
    await assert.rejects(work, /stop/)
    assert.equal((await rig.into.observeImage(image)).state, 'absent')
  })

  promise('an aborted content leaves nothing', async ({ maker, into, plain }) => {
    const image = randomUUID()
    const stop = AbortSignal.abort(new Error('stop'))
    await assert.rejects(maker.receive(image, into, channelOf(pieces(plain)), wish, quiet, stop), /stop/)
    assert.equal((await into.observeImage(image)).state, 'absent')
  })
}
