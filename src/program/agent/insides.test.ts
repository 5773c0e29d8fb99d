/** Guests are asked of themselves: often until ready, each in its own time, and thawed first when found frozen. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#model/limits.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { bodyOf, hurriedClock } from '#drivers/hypervisor/fake/fixtures.ts'
import { openFake } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { Insides } from './insides.ts'

const never = new AbortController().signal

/** A host with guests that have booted, and what is known of their insides. */
async function asked(
  names: readonly string[],
  prepare: (world: FakeWorld, driver: Hypervisor) => Promise<void>,
) {
  const clock = hurriedClock()
  const world = new FakeWorld(clock)
  const first = openFake(world)
  for (const name of names) await first.spawn(name, bodyOf({ machineName: name }), never)
  await clock.sleep(5_000)
  await prepare(world, first)
  const woken: string[] = []
  const hypervisor = openFake(world)
  const insides = new Insides({ clock, hypervisor }, (guest) => woken.push(guest))
  for (const name of names) insides.follow(name, { pid: 1, isReady: false, isAdopted: true })
  const stop = new AbortController()
  const run = insides.run(stop.signal)
  const end = async () => {
    stop.abort()
    await run
  }
  return { clock, world, insides, woken, end }
}

test('what a guest says is kept, and wakes its loop only when it is news', async () => {
  const { clock, insides, woken, end } = await asked(['a'], async () => undefined)
  await clock.sleep(60_000)
  assert.equal(insides.of('a')?.hostname, 'a')
  assert.deepEqual(woken, ['a'])
  await end()
})

test('one that hangs, one that floods and one that is silent keep nobody waiting', async () => {
  const names = ['hangs', 'floods', 'silent', ...Array.from({ length: 20 }, (_, at) => `g${at}`)]
  const { clock, insides, end } = await asked(names, async (world) => {
    world.moods.set('hangs', 'hangs').set('floods', 'floods').set('silent', 'silent')
  })
  await clock.sleep(30_000)
  for (const name of names.slice(3)) assert.equal(insides.of(name)?.isAnswering, true, name)
  assert.equal(insides.of('hangs'), null)
  assert.equal(insides.of('silent'), null)
  assert.equal(insides.of('floods')?.isAnswering, false)
  await end()
})

test('I-46 however many hang, those behind them are asked in their turn', async () => {
  const hanging = Array.from({ length: 40 }, (_, at) => `h${at}`)
  const { clock, insides, end } = await asked([...hanging, 'behind'], async (world) => {
    for (const name of hanging) world.moods.set(name, 'hangs')
  })
  await clock.sleep(120_000)
  assert.equal(insides.of('behind')?.isAnswering, true)
  await end()
})

test('I-38: file systems that are found frozen are thawed first', async () => {
  const { clock, world, insides, end } = await asked(['a'], async (_, driver) => {
    await driver.agent.freeze('a', never)
  })
  const sinceMs = clock.monotonic()
  while (insides.of('a') === null) await clock.sleep(100)
  assert.equal(world.guests.get('a')?.frozenAtMs, null)
  assert.ok(clock.monotonic() - sinceMs < limits.frozenMs)
  await end()
})

test('another process is another guest', async () => {
  const { clock, insides, end } = await asked(['a'], async () => undefined)
  await clock.sleep(10_000)
  assert.notEqual(insides.of('a'), null)
  insides.follow('a', { pid: 2, isReady: false, isAdopted: false })
  assert.equal(insides.of('a'), null)
  insides.follow('a', null)
  await clock.sleep(10_000)
  assert.equal(insides.of('a'), null)
  await end()
})
