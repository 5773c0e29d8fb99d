/** What a host says is believed of what stands on it, and of nothing else (I-42, I-45). */

import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { at } from '#base/json.ts'
import { vaultWith } from '#drivers/vault/file/vault.ts'
import type { Document } from '#model/document.ts'
import { eventFacts } from '#program/controller/strays.ts'
import { create, together, until, wished } from './bench.ts'

test('I-45 a host that names another’s volume in its snapshot is not sent that volume’s key', async () => {
  const lab = await together()
  const controller = await lab.startController()
  const { replica, store } = controller.desk
  const keysOf = async (volume: Document) => {
    await until(controller, volume, () => replica.get('volume-key', volume.id) !== undefined)
    const sealed = String(at(replica.get('volume-key', volume.id), 'document.spec.sealed'))
    return Object.keys(JSON.parse(vaultWith(new Uint8Array(32)).open(sealed, `volume/${volume.id}`) ?? ''))
  }
  // Nobody is on these hosts: what they said stands as it was said.
  const kept = wished('volume', 'safe', { sizeMib: 4, isEncrypted: true })
  const safe = await create(controller, { ...kept, host: 'h3' })
  await keysOf(safe)
  const layer = { disk: 'disk0', volume: safe.id, volumeName: 'safe', datastore: 'local', sizeBytes: 1 }
  const snapshotOf = (name: string, host: string) => {
    const made = wished('snapshot', name, { machine: 'none' })
    return { ...made, host, status: { ...(made.status as object), state: 'ready', layers: [layer] } }
  }
  const cloneOf = async (snapshot: string, host: string) => {
    const made = wished('volume', `of-${snapshot}`, { snapshot, isEncrypted: true })
    return await create(controller, { ...made, host })
  }
  await create(controller, snapshotOf('own', 'h3'))
  await create(controller, snapshotOf('liar', 'h2'))
  const [own, stolen] = [await cloneOf('own', 'h3'), await cloneOf('liar', 'h2')]
  deepEqual((await keysOf(own)).toSorted(), [own.id, safe.id].toSorted())
  deepEqual(await keysOf(stolen), [stolen.id])
  equal((await store.snapshot('volume-key')).entries.length, 3)
  await controller.stop()
})

test('I-42 a host puts no words into the history of what is not its own', () => {
  const event = { say: 'event', sequence: 1, id: 'e', objectId: 'o', atMs: 1 } as const
  const said = (kind: string, host: string | null, type: string, facts: object = {}) =>
    eventFacts('h1', { kind, host }, { ...event, kind, type, facts: facts as never })
  deepEqual(said('guest', 'h1', 'guest.crashed', { why: 'a\u001b[31mb', deep: {}, 'x y': 1, crashes: 2 }), {
    why: 'a\\u001b[31mb',
    crashes: 2,
  })
  deepEqual(said('datastore', null, 'datastore.filling', {}), {})
  equal(said('guest', 'h2', 'guest.crashed'), undefined)
  equal(said('guest', null, 'guest.crashed'), undefined)
  equal(said('user', 'h1', 'user.deleted'), undefined)
  equal(said('guest', 'h1', 'machine.deleted'), undefined)
  equal(said('guest', 'h1', 'guest.<b>'), undefined)
  const many = Object.fromEntries(
    Array.from({ length: 99 }, (_, at) => [`f${'x'.repeat(at % 30)}`, 'y'.repeat(9999)]),
  )
  const kept = Object.values(said('guest', 'h1', 'guest.crashed', many) ?? {})
  equal(kept.length <= 16 && kept.every((fact) => String(fact).length <= 400), true)
})
