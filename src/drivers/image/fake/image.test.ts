import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { obeysImageContract } from '#drivers/image/contract.ts'
import { FakeDatastore, newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { FakeImageMaker, hostileMark, newFakeWork } from './image.ts'

const hostile = new Uint8Array(1024)
hostile.set(Buffer.from(hostileMark))

obeysImageContract('fake', async () => ({
  maker: new FakeImageMaker(newFakeWork()),
  into: new FakeDatastore(newFakeDisk()),
  plain: new Uint8Array(4096).fill(7),
  hostile,
  dispose: async () => undefined,
}))

test('the fake builds a starter image that the host boots by its kernel', async () => {
  const into = new FakeDatastore(newFakeDisk())
  const image = randomUUID()
  const build = () =>
    new FakeImageMaker(newFakeWork()).make(
      image,
      into,
      { spec: imageKind.spec.parse({ source: 'starter' }), volume: null },
      () => undefined,
      new AbortController().signal,
    )
  for (const _ of [1, 2]) await build()
  assert.equal((await into.observeImage(image)).boot, 'kernel')
})
