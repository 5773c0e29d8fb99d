/** Full disks under a real Decant: first the one that its own files lie on, then that of the guests' disks. */

import assert from 'node:assert/strict'
import { chmodSync, closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { isAlive } from '../start/decant.ts'
import { shellOn } from './real-console.ts'
import { Rig, type Thing } from './real-rig.ts'
import { openLab } from './store-lab.ts'

const pidOf = ({ status }: Thing) => (status.guest as { pid: number | null } | null)?.pid ?? 0
const hasProof = ({ status }: Thing) =>
  ((status.guest as { proof: object | null } | null)?.proof ?? null) !== null

/** Writes until nothing more fits; gives the file. */
function fill(folder: string): string {
  const file = join(folder, 'ballast')
  const descriptor = openSync(file, 'w')
  for (let bytes = 2 ** 20; bytes >= 1; bytes = Math.floor(bytes / 16)) fillBy(descriptor, bytes)
  closeSync(descriptor)
  return file
}

function fillBy(descriptor: number, bytes: number) {
  try {
    for (;;) if (writeSync(descriptor, Buffer.alloc(bytes, 7)) < bytes) return
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}

/** I-15 */
async function ownDiskFull(rig: Rig) {
  const pid = pidOf(await rig.see('guest', hasProof))
  const ballast = fill(rig.data)
  const refusals: string[] = []
  for (let at = 0; at < 12; at++) {
    const wish = {
      json: { name: `late${at}`, spec: { power: 'off', nics: [] }, description: 'x'.repeat(1000) },
    }
    const { status, body } = await rig.ask('POST', 'machines', wish)
    if (status >= 300) refusals.push(`${status} ${String(body.code)}`)
  }
  assert.ok(refusals.length > 0, 'a full disk refuses changes')
  assert.deepEqual([...new Set(refusals)], ['507 store/full'])
  const read = await rig.ask('GET', 'machines')
  assert.equal(read.status, 200, `reads work: ${JSON.stringify(read.body)}`)
  assert.equal((await fetch(`${rig.url}/api/health`)).status, 503, 'health says that not all is well')
  assert.ok(isAlive(pid), 'guests run on')
  rmSync(ballast)
  const healed = performance.now()
  const { status } = await rig.insist('PATCH', 'machines/guest', { description: 'after the flood' })
  assert.equal(status, 200, 'it recovers by itself')
  assert.equal((await fetch(`${rig.url}/api/health`)).status, 200)
  assert.ok(performance.now() - healed < 10_000)
  const seen = await rig.see('guest', ({ status }) => status.state === 'running', 10_000)
  assert.equal(pidOf(seen), pid)
}

/** I-31 */
async function datastoreFull(rig: Rig, datastore: string) {
  const pid = pidOf(await rig.see('guest', hasProof))
  const { type, said, close } = await shellOn(rig, 'guest')
  const ballast = fill(datastore)
  type('dd if=/dev/urandom of=/big bs=1M count=40 conv=fsync && echo all-"written"')
  const paused = await rig
    .see('guest', ({ status }) => status.state === 'paused', 40_000)
    .catch((error: Error) => {
      throw new Error(`${error.message}\n${said()}`)
    })
  assert.deepEqual(
    paused.status.holds.map(({ code }) => code),
    ['guest/io-stopped'],
  )
  rmSync(ballast)
  const again = await rig.see(
    'guest',
    ({ status }) => status.state === 'running' && status.holds.length === 0,
    20_000,
  )
  assert.equal(pidOf(again), pid)
  for (let tries = 0; tries < 60 && !said().includes('all-written'); tries++) await sleep(500)
  assert.match(said(), /all-written/, 'the guest wrote on without an error')
  assert.doesNotMatch(said(), /error/i)
  close()
}

test('I-15, I-31: full disks refuse and pause, and all goes on by itself when there is room', async (t) => {
  const lab = openLab()
  if (lab === undefined)
    return t.diagnostic('mounting needs root; the same promises are tested at their ports')
  const data = join(lab.folder, 'data')
  const datastore = join(data, 'agent/datastore')
  lab.mountTmpfs(data, '256m')
  lab.mountTmpfs(datastore, '160m')
  for (const folder of [data, datastore]) chmodSync(folder, 0o755)
  const rig = new Rig({ data })
  t.diagnostic(rig.data)
  try {
    await rig.start()
    await rig.makeStarter()
    await rig.insist('POST', 'machines', {
      name: 'guest',
      spec: { image: 'starter', memoryMib: 128, nics: [] },
    })
    await ownDiskFull(rig)
    await datastoreFull(rig, datastore)
    assert.ok((await rig.insist('DELETE', 'machines/guest?wait=60')).status < 300)
  } finally {
    await rig.close()
    lab.unmount(datastore)
    lab.close()
  }
})
