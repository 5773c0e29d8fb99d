/** Runs as root inside a guest with an NFS server and an empty disk: the contract of datastores over NFS, and its faults. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { datastoreDoor } from '../../../../src/bin/datastores.ts'
import { obeysDatastoreContract } from '#drivers/datastore/contract.ts'
import type { OpenDatastore } from '#drivers/datastore/port-opening.ts'
import type { Reason } from '#model/plan.ts'

const disk = process.env['DECANT_TEST_DISK'] ?? '/dev/vdd'
const run = (program: string, ...argv: string[]) =>
  execFileSync(program, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

before(() => {
  run('mkfs.ext4', '-q', '-F', disk)
  mkdirSync('/srv/exports', { recursive: true })
  run('mount', disk, '/srv/exports')
  for (const name of ['open', 'squashed']) mkdirSync(`/srv/exports/${name}`)
  writeFileSync(
    '/etc/exports',
    '/srv/exports/open 127.0.0.1(rw,no_root_squash,no_subtree_check,insecure)\n' +
      '/srv/exports/squashed 127.0.0.1(rw,root_squash,no_subtree_check,insecure)\n',
  )
  run('mount', '-t', 'nfsd', 'nfsd', '/proc/fs/nfsd')
  for (const time of ['nfsv4gracetime', 'nfsv4leasetime']) writeFileSync(`/proc/fs/nfsd/${time}`, '10')
  run('exportfs', '-a')
  run('rpc.mountd', '--no-nfs-version', '3')
  run('rpc.nfsd', '--no-nfs-version', '3', '4')
})

let places = 0

async function open(exported: string, id: string, folder: string): Promise<OpenDatastore | Reason> {
  const door = datastoreDoor({ folder, allowed: [], measured: {} })
  const source = `127.0.0.1:/srv/exports/${exported}`
  return await door.open({ id, name: 'nfs', driver: 'nfs', folder: '', source })
}

async function opened(exported: string, id: string, folder: string): Promise<OpenDatastore> {
  // A server that has just begun lets nobody open files for a while (grace, RFC 8881, 8.4.2).
  for (;;) {
    const result = await open(exported, id, folder)
    if ('datastore' in result) return result
    assert.equal(result.code, 'datastore/not-answering', JSON.stringify(result))
  }
}

/** A folder of the export for each test: one datastore has an export for itself. */
function place() {
  const name = `open/${(places += 1)}`
  mkdirSync(`/srv/exports/${name}`)
  return { name, id: randomUUID(), folder: mkdtempSync(join(tmpdir(), 'decant-nfs-')) }
}

obeysDatastoreContract('nfs', async () => {
  const { name, id, folder } = place()
  const all: OpenDatastore[] = [await opened(name, id, folder)]
  return {
    datastore: (all[0] as OpenDatastore).datastore,
    reopen: async () => {
      await all[0]?.close(false)
      all.push(await opened(name, id, folder))
      return (all.at(-1) as OpenDatastore).datastore
    },
    fill: async (draft) => {
      writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(2 ** 20))
      for (const file of ['kernel', 'initrd']) writeFileSync(join(draft, file), file)
    },
    dispose: async () => {
      for (const each of all) await each.close(false)
      await all[0]?.close(true)
    },
  }
})

test('an export that takes the rights of root away is refused with what to change', async () => {
  const [id, folder] = [randomUUID(), mkdtempSync(join(tmpdir(), 'decant-nfs-'))]
  let refused = await open('squashed', id, folder)
  while ('code' in refused && refused.code === 'datastore/not-answering')
    refused = await open('squashed', id, folder)
  assert.ok('code' in refused && refused.code === 'datastore/squashed', JSON.stringify(refused))
})

test('an export that is not there, and a server that is not, are refused within the time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-nfs-'))
  const refused = await open('absent', randomUUID(), folder)
  assert.ok('code' in refused && refused.code === 'datastore/mount-failed', JSON.stringify(refused))
})

test('a server that goes away never hangs the agent; when it is back, so is the datastore', async (t) => {
  const { name, id, folder } = place()
  const store = await opened(name, id, folder)
  t.after(() => store.close(true))
  assert.equal(await store.check(), undefined)
  run('rpc.nfsd', '0')
  const from = performance.now()
  const [check, refusal] = await Promise.all([
    store.check(),
    store.datastore.volumes().then(
      () => undefined,
      (fault: unknown) => fault,
    ),
  ])
  t.diagnostic(`away: told after ${Math.round(performance.now() - from)} ms`)
  assert.equal(check?.code, 'datastore/not-answering')
  assert.ok(refusal instanceof Error)
  run('rpc.nfsd', '--no-nfs-version', '3', '4')
  const back = performance.now()
  while ((await store.check()) !== undefined);
  t.diagnostic(`back: usable after ${Math.round(performance.now() - back)} ms`)
  assert.deepEqual(await store.datastore.volumes(), [])
})
