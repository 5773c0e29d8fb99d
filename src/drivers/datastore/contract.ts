/** What every datastore proves: the promises of `port.ts`, one test each. Fake and real run the same. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Problem, type ProblemCode } from '#model/problem.ts'
import type { Datastore, VolumeWish } from './port.ts'

/** A datastore under test with what the test must be able to do around it. */
export type DatastoreRig = {
  readonly datastore: Datastore
  /** The agent starts again: a new driver object on the same content. */
  reopen(): Promise<Datastore>
  /** Puts a disk of 1 MiB, with kernel and initrd, into a draft. */
  fill(draft: string): Promise<void>
  /** Clones share blocks with what they began with, beneath all files: they are raw, and stand on nothing. */
  readonly clonesStandAlone?: boolean
  dispose(): Promise<void>
}

const mebibyte = 1024 * 1024
const never = new AbortController().signal
const facts = {
  virtualBytes: mebibyte,
  sha256: 'a'.repeat(64),
  format: 'raw',
  boot: 'kernel',
  commandLine: 'console=ttyS0',
  architecture: 'x86_64',
} as const

const refused = (code: ProblemCode) => (error: unknown) => error instanceof Problem && error.code === code

const empty = (format: 'qcow2' | 'raw'): VolumeWish => ({ format, sizeBytes: 4 * mebibyte, image: null })

async function sealedImage({ datastore, fill }: DatastoreRig): Promise<string> {
  const image = randomUUID()
  await fill(await datastore.draft(image))
  await datastore.seal(image, facts)
  return image
}

export function obeysDatastoreContract(name: string, make: (t: TestContext) => Promise<DatastoreRig>) {
  const promise = (title: string, prove: (rig: DatastoreRig) => Promise<void>) =>
    test(`datastore ${name}: ${title}`, async (t) => {
      const rig = await make(t)
      t.after(() => rig.dispose())
      await prove(rig)
    })
  for (const prove of [volumePromises, clonePromises, imagePromises, draftPromises, refusals]) prove(promise)
}

type Promised = (title: string, prove: (rig: DatastoreRig) => Promise<void>) => void

function volumePromises(promise: Promised) {
  promise('says how much room it has', async ({ datastore }) => {
    const sight = await datastore.look()
    assert.ok(sight.capacityBytes > 0 && sight.freeBytes >= 0 && sight.freeBytes <= sight.capacityBytes)
  })

  for (const format of ['qcow2', 'raw'] as const) {
    promise(`a ${format} volume is absent, then ready, then absent again`, async ({ datastore }) => {
      const volume = randomUUID()
      assert.equal((await datastore.observe(volume)).state, 'absent')
      await datastore.create(volume, empty(format), never)
      const sight = await datastore.observe(volume)
      assert.deepEqual([sight.state, sight.sizeBytes], ['ready', 4 * mebibyte])
      assert.ok(sight.storedBytes <= 4 * mebibyte)
      assert.deepEqual(await datastore.volumes(), [volume])
      await datastore.remove(volume, never)
      assert.equal((await datastore.observe(volume)).state, 'absent')
      assert.deepEqual(await datastore.volumes(), [])
    })

    promise(`a ${format} volume grows, keeps its size when asked again, never shrinks`, async (rig) => {
      const { datastore } = rig
      const volume = randomUUID()
      await datastore.create(volume, empty(format), never)
      for (const _ of [1, 2]) await datastore.grow(volume, 8 * mebibyte, never)
      assert.equal((await datastore.observe(volume)).sizeBytes, 8 * mebibyte)
      await assert.rejects(datastore.grow(volume, 4 * mebibyte, never), refused('datastore/failed'))
      assert.equal((await datastore.observe(volume)).sizeBytes, 8 * mebibyte)
    })
  }

  promise('I-20 create and remove can be repeated', async ({ datastore }) => {
    const volume = randomUUID()
    await datastore.create(volume, empty('qcow2'), never)
    await datastore.create(volume, { ...empty('raw'), sizeBytes: mebibyte }, never)
    assert.equal((await datastore.observe(volume)).sizeBytes, 4 * mebibyte)
    for (const _ of [1, 2]) await datastore.remove(volume, never)
    assert.equal((await datastore.observe(volume)).state, 'absent')
  })

  promise('what was created is there after a restart', async ({ datastore, reopen }) => {
    const volume = randomUUID()
    await datastore.create(volume, empty('raw'), never)
    const again = await reopen()
    assert.equal((await again.observe(volume)).state, 'ready')
    assert.deepEqual(await again.volumes(), [volume])
  })

  promise('an aborted creation leaves nothing', async ({ datastore }) => {
    const volume = randomUUID()
    await assert.rejects(
      datastore.create(volume, empty('qcow2'), AbortSignal.abort(new Error('stop'))),
      /stop/,
    )
    assert.equal((await datastore.observe(volume)).state, 'absent')
  })

  promise('two creations of one volume at once make one', async ({ datastore }) => {
    const volume = randomUUID()
    await Promise.all([1, 2, 3].map(() => datastore.create(volume, empty('qcow2'), never)))
    assert.deepEqual(await datastore.volumes(), [volume])
    assert.equal((await datastore.observe(volume)).state, 'ready')
  })
}

function clonePromises(promise: Promised) {
  promise('a qcow2 volume of an image is a linked clone, opened with its chain', async (rig) => {
    const image = await sealedImage(rig)
    const volume = randomUUID()
    await rig.datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
    assert.equal((await rig.datastore.observe(volume)).sizeBytes, mebibyte)
    const { disk } = await rig.datastore.imageFiles(image)
    const opened = await rig.datastore.open(volume, null)
    if (rig.clonesStandAlone === true) return assert.deepEqual([opened.format, opened.backing], ['raw', []])
    assert.equal(opened.format, 'qcow2')
    assert.deepEqual(opened.backing, [{ file: disk, format: 'raw', key: null }])
  })

  promise('a raw volume of an image stands alone and may be larger', async (rig) => {
    const image = await sealedImage(rig)
    const volume = randomUUID()
    await rig.datastore.create(volume, { format: 'raw', sizeBytes: 2 * mebibyte, image }, never)
    assert.equal((await rig.datastore.observe(volume)).sizeBytes, 2 * mebibyte)
    const opened = await rig.datastore.open(volume, null)
    assert.deepEqual([opened.format, opened.backing], ['raw', []])
  })

  promise('a volume smaller than its image, or of an image that is not here, is refused', async (rig) => {
    const image = await sealedImage(rig)
    for (const wish of [
      { format: 'qcow2', sizeBytes: 512, image },
      { format: 'raw', sizeBytes: 512, image },
      { format: 'qcow2', sizeBytes: null, image: randomUUID() },
      { format: 'raw', sizeBytes: null, image: null },
    ] as const) {
      await assert.rejects(rig.datastore.create(randomUUID(), wish, never), refused('datastore/failed'))
    }
    assert.deepEqual(await rig.datastore.volumes(), [])
  })

  promise(
    'I-33 a clone begun while its image is removed stands on the image or is not there',
    async (rig) => {
      for (let round = 0; round < 20; round++) {
        const image = await sealedImage(rig)
        const volume = randomUUID()
        const create = () => rig.datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
        const remove = () => rig.datastore.removeImage(image, never)
        await Promise.allSettled(round % 2 === 0 ? [create(), remove()] : [remove(), create()])
        const isClone = (await rig.datastore.observe(volume)).state === 'ready'
        const isImage = (await rig.datastore.observeImage(image)).state === 'ready'
        assert.ok(isImage || !isClone, `round ${round}: a clone without its image`)
      }
    },
  )

  promise('I-33 an image under a linked clone is not removed', async (rig) => {
    const image = await sealedImage(rig)
    const volume = randomUUID()
    await rig.datastore.create(volume, { format: 'qcow2', sizeBytes: null, image }, never)
    await assert.rejects(rig.datastore.removeImage(image, never), refused('datastore/failed'))
    assert.equal((await rig.datastore.observeImage(image)).state, 'ready')
    await rig.datastore.remove(volume, never)
    await rig.datastore.removeImage(image, never)
    assert.equal((await rig.datastore.observeImage(image)).state, 'absent')
  })
}

function imagePromises(promise: Promised) {
  promise('an image is absent, partial, ready with its facts, absent again', async (rig) => {
    const { datastore } = rig
    const image = randomUUID()
    assert.equal((await datastore.observeImage(image)).state, 'absent')
    await rig.fill(await datastore.draft(image))
    assert.equal((await datastore.observeImage(image)).state, 'partial')
    assert.deepEqual(await datastore.images(), [])
    await datastore.seal(image, facts)
    const { state, storedBytes, ...kept } = await datastore.observeImage(image)
    assert.partialDeepStrictEqual(kept, facts)
    assert.equal(state, 'ready')
    assert.ok(storedBytes >= 0)
    assert.deepEqual(await datastore.images(), [image])
    for (const _ of [1, 2]) await datastore.removeImage(image, never)
    assert.equal((await datastore.observeImage(image)).state, 'absent')
  })

  promise('a sealed image names its files and survives a restart', async (rig) => {
    const image = await sealedImage(rig)
    const again = await rig.reopen()
    assert.equal((await again.observeImage(image)).state, 'ready')
    const files = await again.imageFiles(image)
    for (const file of [files.disk, files.kernel, files.initrd]) assert.match(file ?? '', /^\//)
  })

  promise('I-33 a sealed image stays as it is when sealed again', async (rig) => {
    const image = await sealedImage(rig)
    await rig.datastore.seal(image, { ...facts, commandLine: 'other' })
    await rig.fill(await rig.datastore.draft(image))
    await rig.datastore.seal(image, { ...facts, commandLine: 'other' })
    assert.equal((await rig.datastore.observeImage(image)).commandLine, facts.commandLine)
  })
}

function draftPromises(promise: Promised) {
  promise('a draft is gone at a restart', async (rig) => {
    const image = randomUUID()
    await rig.fill(await rig.datastore.draft(image))
    const again = await rig.reopen()
    assert.equal((await again.observeImage(image)).state, 'absent')
    await assert.rejects(again.seal(image, facts), refused('datastore/failed'))
  })

  promise('removing an image removes its draft', async ({ datastore, fill }) => {
    const image = randomUUID()
    await fill(await datastore.draft(image))
    await datastore.removeImage(image, never)
    assert.equal((await datastore.observeImage(image)).state, 'absent')
  })

  promise(
    'what has come of a content stays over a restart, until its image is sealed or removed',
    async (rig) => {
      const [image, other] = [randomUUID(), randomUUID()]
      const folder = await rig.datastore.landing(image)
      assert.notEqual(folder, await rig.datastore.landing(other))
      await rig.datastore.draft(image)
      await rig.datastore.dropDraft(image)
      const again = await rig.reopen()
      assert.equal(await again.landing(image), folder)
      assert.equal((await again.observeImage(image)).state, 'absent')
      await again.removeImage(image, never)
      assert.equal(await again.landing(image), folder)
    },
  )

  promise('a draft that is given up is no image, and giving up nothing does nothing', async (rig) => {
    const image = randomUUID()
    await rig.datastore.dropDraft(image)
    await rig.fill(await rig.datastore.draft(image))
    await rig.datastore.dropDraft(image)
    assert.equal((await rig.datastore.observeImage(image)).state, 'absent')
    await assert.rejects(rig.datastore.seal(image, facts), refused('datastore/failed'))
  })

  promise('I-33 a content that several images have outlives each of them but the last', async (rig) => {
    const images = [randomUUID(), randomUUID()]
    for (const image of images) {
      await rig.fill(await rig.datastore.draft(image))
      await rig.datastore.seal(image, facts, 'b'.repeat(64))
    }
    const [first = '', second = ''] = images
    const before = await rig.datastore.observeImage(second)
    await rig.datastore.removeImage(first, never)
    const again = await rig.reopen()
    assert.deepEqual(await again.observeImage(second), before)
    assert.ok((await again.imageFiles(second)).disk !== null)
    await again.removeImage(second, never)
    assert.deepEqual(await again.images(), [])
  })

  promise('a second draft of an image begins anew', async ({ datastore, fill }) => {
    const image = randomUUID()
    const first = await datastore.draft(image)
    const second = await datastore.draft(image)
    assert.notEqual(first, second)
    await fill(second)
    await datastore.seal(image, facts)
    assert.equal((await datastore.observeImage(image)).state, 'ready')
  })
}

function refusals(promise: Promised) {
  promise('what is not there cannot be opened, grown or looked into', async ({ datastore }) => {
    const absent = randomUUID()
    await assert.rejects(datastore.open(absent, null), refused('datastore/failed'))
    await assert.rejects(datastore.grow(absent, mebibyte, never), refused('datastore/failed'))
    await assert.rejects(datastore.imageFiles(absent), refused('datastore/failed'))
    await assert.rejects(datastore.seal(absent, facts), refused('datastore/failed'))
  })

  promise('an id that is no uuid never touches the disk', async ({ datastore }) => {
    for (const id of ['..', '../x', 'a/b', '', '.', `${randomUUID()}/..`, `${randomUUID()}\n`, '-x']) {
      await assert.rejects(datastore.create(id, empty('raw'), never), refused('datastore/failed'))
      await assert.rejects(datastore.remove(id, never), refused('datastore/failed'))
      await assert.rejects(datastore.draft(id), refused('datastore/failed'))
      await assert.rejects(datastore.removeImage(id, never), refused('datastore/failed'))
    }
  })
}
