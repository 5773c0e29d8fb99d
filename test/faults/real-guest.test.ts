/** What befalls a real guest from outside and from inside, as people see it through the API. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { end, isAlive, until } from '../start/decant.ts'
import { agentOf, qemuOn, supervisorOf } from './real-host.ts'
import { shellOn } from './real-console.ts'
import { openWitnessed, type Rig, type Thing } from './real-rig.ts'

const guestOf = ({ status }: Thing) =>
  status.guest as { id: string; pid: number; boot: number; proof: object | null } | null
const pidOf = (machine: Thing) => guestOf(machine)?.pid ?? 0
const runs = (machine: Thing) => machine.status.state === 'running' && pidOf(machine) > 0
const codes = ({ status }: Thing) => status.holds.map(({ code }) => code)

async function crashes(rig: Rig) {
  const first = pidOf(await rig.see('witness', runs))
  end(first)
  const atMs = performance.now()
  const seen = await rig.see('witness', (machine) => pidOf(machine) !== first, 5_000)
  const afterMs = performance.now() - atMs
  assert.ok(afterMs < 1_000, `noticed after ${afterMs.toFixed(0)} ms`)
  assert.ok(['crashed', 'starting', 'running'].includes(seen.status.state), seen.status.state)
  const pauses = [await pauseBefore(rig, first)]
  for (let times = 0; times < 2; times++) {
    const pid = pidOf(await rig.see('witness', runs))
    end(pid)
    pauses.push(await pauseBefore(rig, pid))
  }
  assert.ok(
    pauses.every((ms, at) => at === 0 || ms > (pauses[at - 1] ?? 0) * 1.4),
    `pauses grow: ${pauses}`,
  )
}

/** How long until another process stands; meanwhile the machine says what it waits for. */
async function pauseBefore(rig: Rig, old: number): Promise<number> {
  const sinceMs = performance.now()
  await rig.see('witness', (machine) => codes(machine).includes('guest/crash-pause'), 5_000)
  await rig.see('witness', (machine) => runs(machine) && pidOf(machine) !== old)
  return Math.round(performance.now() - sinceMs)
}

async function powersItselfOff(rig: Rig) {
  const { boot } =
    guestOf(await rig.see('witness', (machine) => runs(machine) && guestOf(machine)?.proof !== null)) ?? {}
  const shell = await shellOn(rig, 'witness')
  shell.type('poweroff')
  const off = await rig
    .see('witness', ({ status }) => status.state === 'stopped')
    .catch((error: Error) => {
      throw new Error(`${error.message}\n${shell.said().slice(-500)}`)
    })
  assert.deepEqual(codes(off), ['guest/powered-itself-off'])
  assert.equal(off.spec.power, 'on')
  await sleep(3_000)
  assert.equal((await rig.find('machines', 'witness'))?.status.state, 'stopped', 'it stays off')
  assert.equal(qemuOn(rig.data).length, 0)
  rig.kill('all')
  await rig.restart()
  await sleep(1_500)
  assert.equal(
    (await rig.find('machines', 'witness'))?.status.state,
    'stopped',
    'also after a restart of Decant',
  )
  assert.equal((await rig.insist('POST', 'machines/witness/start', {})).status, 200)
  assert.equal(guestOf(await rig.see('witness', runs))?.boot, (boot ?? 0) + 1)
}

/** I-23: a process that has the recorded pid, and is not the guest, is not touched. */
async function strangerOnItsPid(rig: Rig) {
  const machine = await rig.see('witness', runs)
  const { id } = guestOf(machine) ?? { id: '' }
  const stranger = spawn('sleep', ['300'], { stdio: 'ignore' })
  const pid = stranger.pid ?? 0
  try {
    await rig.stop()
    end(pidOf(machine))
    forge(join(rig.data, 'agent/guests', id, 'body.json'), pid)
    await rig.start()
    const seen = await rig.see('witness', (now) => codes(now).includes('guest/not-ours'), 15_000)
    assert.match(seen.status.holds[0]?.message ?? '', new RegExp(String(pid)))
    await rig.insist('POST', 'machines/witness/stop', { forceAfterSeconds: 0 })
    await sleep(3_000)
    assert.ok(isAlive(pid), 'I-23: a stranger is not killed, whatever is wished')
    assert.ok(agentOf(supervisorOf(rig.data)) > 0)
  } finally {
    end(pid)
  }
  // Once the stranger is gone, the machine is as it was wished, by itself.
  await rig.see(
    'witness',
    ({ status }) => ['stopped', 'crashed'].includes(status.state) && status.holds.length === 0,
  )
  await rig.insist('POST', 'machines/witness/start', {})
  await rig.see('witness', runs)
}

/** Even the start time is the stranger's: only the guest itself can prove who it is. */
function forge(file: string, pid: number) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  const body = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...body, phase: 'started', pid, startTicks }))
}

test('a guest that crashes, powers itself off, or whose pid a stranger has (I-23)', async () => {
  const rig = await openWitnessed()
  try {
    await crashes(rig)
    await powersItselfOff(rig)
    await strangerOnItsPid(rig)
    const { status } = await rig.insist('DELETE', 'machines/witness?wait=60')
    assert.ok(status < 300)
    await until(() => qemuOn(rig.data).length === 0, 10_000)
  } finally {
    await rig.close()
  }
})
