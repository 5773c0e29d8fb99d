/** I-22: the store is lost; the machines are not. */

import assert from 'node:assert/strict'
import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { isAlive, until } from '../start/decant.ts'
import { keptOn, qemuOn } from './real-host.ts'
import { openWitnessed, type Rig, type Thing } from './real-rig.ts'

const pidOf = ({ status }: Thing) => (status.guest as { pid: number | null } | null)?.pid ?? 0
const volumesOf = (rig: Rig) => keptOn(rig.data).filter((path) => path.startsWith('agent/datastore/volumes/'))

type Stray = { readonly guest: string; readonly machine: string; readonly pid: number }
const unclaimed = ({ status }: Thing) => status.unclaimed as Stray[]

/** The only host of a pool of one. */
async function host(rig: Rig): Promise<Thing> {
  const [only] = await rig.list('hosts')
  assert.ok(only !== undefined)
  return only
}

async function losesItsStore(rig: Rig) {
  await rig.stop()
  const folder = join(rig.data, 'controller')
  for (const name of readdirSync(folder).filter((name) => name.startsWith('store.')))
    renameSync(join(folder, name), join(rig.person.home, name))
  await rig.start()
}

async function isOffered(rig: Rig, pid: number) {
  const deadline = performance.now() + 15_000
  while (unclaimed(await host(rig)).length === 0 && performance.now() < deadline) await sleep(100)
  const strays = unclaimed(await host(rig))
  assert.deepEqual(
    strays.map((stray) => [stray.machine, stray.pid]),
    [['witness', pid]],
  )
  assert.equal(await rig.find('machines', 'witness'), undefined)
  await sleep(2_000)
  assert.ok(isAlive(pid), 'I-22: nothing is stopped because a document is missing')
}

async function worksAgain(rig: Rig, pid: number) {
  const adopted = await rig.see('witness', ({ status }) => status.state === 'running', 15_000)
  assert.equal(pidOf(adopted), pid, 'the same process')
  await rig.insist('POST', 'machines/witness/stop', { forceAfterSeconds: 0 })
  await rig.see('witness', ({ status }) => status.state === 'stopped')
  assert.ok(!isAlive(pid))
  await rig.insist('POST', 'machines/witness/start', {})
  const again = await rig.see('witness', ({ status }) => status.state === 'running')
  assert.notEqual(pidOf(again), pid)
  assert.ok((await rig.insist('DELETE', 'machines/witness?wait=60')).status < 300)
  await until(
    () => qemuOn(rig.data).length === 0 && volumesOf(rig).length === 0,
    20_000,
    () => [...qemuOn(rig.data).map(({ words }) => words), ...volumesOf(rig)].join('\n'),
  )
}

test('I-22: a lost store: guests run on, are offered, and are machines again when taken', async () => {
  const rig = await openWitnessed()
  try {
    const pid = pidOf(await rig.see('witness', ({ status }) => status.state === 'running'))
    const disks = volumesOf(rig)
    await losesItsStore(rig)
    await isOffered(rig, pid)
    // Decant dying meanwhile changes nothing of it.
    rig.kill('all')
    await rig.restart()
    await isOffered(rig, pid)
    const { status, stderr } = rig.cli('host', 'adopt', (await host(rig)).name)
    assert.equal(status, 0, stderr)
    assert.deepEqual(volumesOf(rig), disks)
    await worksAgain(rig, pid)
    assert.deepEqual(unclaimed(await host(rig)), [])
  } finally {
    await rig.close()
  }
})
