/** Notes of guests that earlier agents wrote are read in the form of today. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonical } from '#base/json.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { GuestRecords, recordFrom } from './guest-records.ts'

const volume = '00000000-0000-4000-8000-000000000001'
const nic = {
  id: 'net0',
  network: 'n1',
  driver: 'user',
  mac: '52:54:00:00:00:01',
  isRestricted: false,
  forwards: [],
}
const former = {
  epoch: 3,
  boot: 2,
  exit: null,
  crashes: 0,
  askedAtMs: null,
  pressedAtMs: null,
  hostBoot: 'b',
  isRemoved: false,
  shape: { disks: [volume], plugs: [canonical(nic)] },
}

test('a note of before says what its guest has open', () => {
  const record = recordFrom(former)
  assert.deepEqual([record.epoch, record.boot, record.goesOn, record.begun], [3, 2, false, null])
  assert.deepEqual(
    record.disks.map((disk) => [disk.id, disk.volume, disk.bus]),
    [['disk0', volume, 'virtio']],
  )
  assert.deepEqual(
    record.nics.map(({ id, mac, model }) => [id, mac, model]),
    [['net0', nic.mac, 'virtio']],
  )
})

test('a note of before that knew no shape is read too', () => {
  assert.deepEqual(recordFrom({ ...former, shape: null }).disks, [])
  assert.equal(recordFrom(undefined).boot, 0)
})

test('who may have a volume open is known by the notes, also those of before', async () => {
  const notebook = new MemoryNotebook()
  await notebook.put('guest/g1', former)
  const records = new GuestRecords(notebook)
  assert.deepEqual(records.holdersOf(volume), ['g1'])
  await records.put('guest/g1', { ...recordFrom(former), disks: [] } as never)
  assert.deepEqual(records.holdersOf(volume), [])
})
