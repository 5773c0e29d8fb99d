import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { obeysDatastoreContract } from '#drivers/datastore/contract.ts'
import { Problem } from '#model/problem.ts'
import { FakeDatastore, newFakeDisk } from './datastore.ts'

const never = new AbortController().signal

obeysDatastoreContract('fake', async () => {
  const disk = newFakeDisk()
  return {
    datastore: new FakeDatastore(disk),
    reopen: async () => new FakeDatastore(disk),
    fill: async () => undefined,
    dispose: async () => undefined,
  }
})

test('the fake datastore is full when its disk is, and plays the faults that it is given', async () => {
  const disk = newFakeDisk({ capacityBytes: 100 })
  const datastore = new FakeDatastore(disk)
  const volume = randomUUID()
  const create = () => datastore.create(volume, { format: 'qcow2', sizeBytes: 512, image: null }, never)
  await assert.rejects(create(), (error) => error instanceof Problem && error.code === 'datastore/full')
  disk.capacityBytes = 2 ** 30
  disk.fault = (operation, _id, when) => {
    if (operation === 'create' && when === 'after') throw new Error('cut')
  }
  await assert.rejects(create(), /cut/)
  assert.equal((await datastore.observe(volume)).state, 'ready')
})
