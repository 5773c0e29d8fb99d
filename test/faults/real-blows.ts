/** Seeded blows: which program dies in the course of which verb, and when. */

import { oneOf, randomFrom, wholeFrom } from '#base/random.ts'
import type { Blow, Moment } from './real-life.ts'
import type { Victim } from './real-rig.ts'

/** How long a verb works before it only waits for the guest: kills beyond it find nothing under way. */
const courseMs: Readonly<Record<string, number>> = {
  create: 900,
  pause: 150,
  resume: 150,
  edit: 150,
  reboot: 2500,
  stop: 2500,
  start: 800,
  'stop by force': 300,
  'start again': 800,
  delete: 600,
  import: 700,
}

const victims: readonly Victim[] = ['controller', 'agent', 'both', 'supervisor', 'all']

/** The supervisor pauses longer after each death; a whole restart begins that count anew. */
const deathsBeforeRestart = 2

/** One blow for each verb that is asked for, the same for the same seed. */
export function blowsFrom(seed: number): (verb: string) => Blow {
  const random = randomFrom(seed)
  let deaths = 0
  return (verb) => {
    const chosen = oneOf(random, victims)
    const victim = deaths >= deathsBeforeRestart && !isWhole(chosen) ? oneOf(random, wholes) : chosen
    deaths = isWhole(victim) ? 0 : deaths + 1
    return { victim, moment: momentIn(courseMs[verb] ?? 500, random) }
  }
}

const wholes: readonly Victim[] = ['supervisor', 'all']
const isWhole = (victim: Victim) => wholes.includes(victim)

const momentIn = (ms: number, random: () => number): Moment =>
  random() < 0.5 ? { afterMs: wholeFrom(random, ms) } : { atChange: 1 + wholeFrom(random, ms < 200 ? 4 : 24) }
