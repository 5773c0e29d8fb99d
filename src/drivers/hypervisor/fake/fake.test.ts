/** The fake hypervisor obeys the contract, and lets the simulator do harm. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { obeysHypervisorContract } from '../contract.ts'
import type { Body } from '../port.ts'
import { openFake, type Act } from './open.ts'
import { FakeWorld } from './world.ts'

const never = new AbortController().signal

/** Virtual time that passes by itself, one due call at a time. */
function hurriedClock(): Clock {
  const due: { at: number; call: () => void }[] = []
  let now = 1_000_000
  const step = () => {
    const next = due.toSorted((a, b) => a.at - b.at)[0]
    if (next === undefined) return
    due.splice(due.indexOf(next), 1)
    now = Math.max(now, next.at)
    next.call()
  }
  const after = (ms: number, call: () => void) => {
    const entry = { at: now + ms, call }
    due.push(entry)
    setImmediate(step)
    return () => {
      entry.call = () => undefined
    }
  }
  return {
    now: () => now,
    monotonic: () => now,
    after,
    sleep: (ms, signal) =>
      new Promise((wake, fail) => {
        after(ms, wake)
        signal?.addEventListener('abort', () => fail(signal.reason as Error), { once: true })
      }),
  }
}

const bodyOf = (change: Partial<GuestSpec> = {}): Body => ({
  spec: {
    machine: 'm1',
    machineName: 'hello',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 30,
    restart: 'on-failure',
    cpus: 1,
    memoryMib: 128,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    machineSpec: {},
    ...change,
  },
  disks: [],
  plugs: [],
  kernel: null,
  word: 'seagull',
})

obeysHypervisorContract('the fake', async () => {
  const clock = hurriedClock()
  const world = new FakeWorld(clock)
  return {
    clock,
    open: async () => openFake(world),
    body: async (change) => bodyOf(change),
    crash: async (id) => world.crash(id),
    powerOff: async (id) => world.powerOff(id),
    close: async () => undefined,
  }
})

describe('the fake hypervisor', () => {
  it('lets a fault strike before or after an effect', async () => {
    const world = new FakeWorld(hurriedClock())
    let strike: Partial<Act> = { do: 'spawn', moment: 'before' }
    const driver = openFake(world, (act) => {
      if (act.do === strike.do && act.moment === strike.moment) throw new Problem('qmp/silent')
    })
    await assert.rejects(driver.spawn('g', bodyOf(), never))
    assert.equal((await driver.observe('g')).process, 'absent')
    strike = { do: 'spawn', moment: 'after' }
    await assert.rejects(driver.spawn('g', bodyOf(), never))
    assert.equal((await driver.observe('g')).process, 'running')
  })

  it('has guests that do not hear the power button', async () => {
    const clock = hurriedClock()
    const world = new FakeWorld(clock)
    const driver = openFake(world)
    await driver.spawn('g', bodyOf(), never)
    world.deaf.add('g')
    await driver.powerdown('g', never)
    await clock.sleep(60_000)
    assert.equal((await driver.observe('g')).process, 'running')
  })

  it('never touches a process that is not provably its own (I-23)', async () => {
    const world = new FakeWorld(hurriedClock())
    const driver = openFake(world)
    await driver.spawn('g', bodyOf(), never)
    world.estrange('g')
    await assert.rejects(driver.kill('g', never), { code: 'guest/not-ours' })
    await assert.rejects(driver.spawn('g', bodyOf(), never), { code: 'guest/not-ours' })
    assert.equal((await driver.observe('g')).process, 'strange')
  })

  it('loses every process when the host restarts, and no run folder', async () => {
    const world = new FakeWorld(hurriedClock())
    const driver = openFake(world)
    await driver.spawn('g', bodyOf(), never)
    world.reboot()
    assert.equal((await driver.observe('g')).process, 'lost')
    assert.deepEqual(await driver.list(), ['g'])
  })
})
