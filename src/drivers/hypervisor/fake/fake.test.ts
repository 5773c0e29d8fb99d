/** The fake hypervisor obeys the contract, and lets the simulator do harm. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#model/problem.ts'
import { obeysHypervisorContract } from '../contract.ts'
import { bodyOf, hurriedClock } from './fixtures.ts'
import { openFake, type Act } from './open.ts'
import { FakeWorld } from './world.ts'

const never = new AbortController().signal

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
