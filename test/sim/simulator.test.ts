/** A slice of the simulator's campaign: every seed that ever failed, a fixed range, and the same run twice. */

import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { faultsFrom } from '#sim/faults.ts'
import { simulate, type Outcome, type RunOptions } from '#sim/simulation.ts'
import seeds from './seeds.json' with { type: 'json' }

type Kept = { readonly seed: number; readonly why: string; readonly faults?: string } & Partial<RunOptions>

const optionsOf = ({ seed, hosts = 3, machines = 6, steps = 120, ...rest }: Kept): RunOptions => ({
  seed,
  hosts,
  machines,
  steps,
  faults: faultsFrom(typeof rest.faults === 'string' ? rest.faults : 'all'),
})

/** Fails with the broken invariant, the last events and the way to see it again. */
function mustHold({ options, violation, journal }: Outcome) {
  const again = `npm run sim -- --seed ${options.seed} --hosts ${options.hosts} --machines ${options.machines} --steps ${options.steps}`
  const story = `${violation?.invariant}: ${violation?.why}\n${journal.slice(-40).join('\n')}\nagain: ${again}`
  equal(violation, undefined, story)
}

for (const kept of seeds as unknown as readonly Kept[])
  test(`seed ${kept.seed} fails no more: ${kept.why}`, async () => mustHold(await simulate(optionsOf(kept))))

test('I-01 I-13 I-17 I-20 I-22 I-23 I-24 I-25 I-26 I-27 I-47 I-48 hold under every fault, 120 seeds', async () => {
  for (let seed = 20_000; seed < 20_120; seed++)
    mustHold(await simulate(optionsOf({ seed, why: 'a fixed range' })))
})

test('the same hold in a larger datacenter', async () => {
  for (let seed = 1; seed <= 4; seed++)
    mustHold(await simulate(optionsOf({ seed, hosts: 8, machines: 30, steps: 400, why: 'larger' })))
})

test('without faults everything that people wish comes true', async () => {
  for (let seed = 1; seed <= 60; seed++)
    mustHold(await simulate(optionsOf({ seed, faults: 'none', why: 'calm' } as unknown as Kept)))
})

test('a seed replays exactly', async () => {
  const options = optionsOf({ seed: 4711, why: 'any' })
  deepEqual(await simulate(options), await simulate(options))
})
