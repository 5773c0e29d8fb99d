/**
 * `npm run campaign -- [--seed N] [--rounds N] [--calm]`: machines and images live whole lives on a real
 * Decant while its programs are killed. Each round is one life; a failing round is told with its seed.
 */

import { parseArgs } from 'node:util'
import { randomFrom, wholeFrom } from '#base/random.ts'
import { blowsFrom } from './real-blows.ts'
import { storedIn } from './real-host.ts'
import { liveImage } from './real-import.ts'
import { live, sentence, type Blow } from './real-life.ts'
import { openWitnessed, type Rig } from './real-rig.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '4' },
    /** No kills at all: shows that the lives themselves are right. */
    calm: { type: 'boolean', default: false },
  },
})

async function round(rig: Rig, name: string, seed: number) {
  const blows = blowsFrom(seed)
  // Told before it falls: the last line of a failing round says what broke it.
  const blowFor = (verb: string): Blow | undefined => {
    const blow = values.calm ? undefined : blows(verb)
    console.log(`  ${verb.padEnd(15)} ${blow === undefined ? '' : sentence(blow)}`)
    return blow
  }
  return [...(await live(rig, name, blowFor)), ...(await liveImage(rig, `${name}-image`, blowFor))]
}

/** After all, the store holds nothing of those that are gone, but what it remembers for a while on purpose. */
async function leftInStore(rig: Rig): Promise<string[]> {
  await rig.stop()
  const { claims, entries } = await storedIn(rig.data)
  const words = [
    ...claims.map(({ claim, holder }) => `claim ${claim} of ${holder}`),
    ...entries
      .filter(({ kind }) => !['idempotency', 'outbox', 'former'].includes(kind))
      .map(({ kind, id, value }) => `${kind} ${id} ${JSON.stringify(value)}`),
  ]
  return words.filter((text) => text.includes('subject-'))
}

async function main(): Promise<number> {
  const [seed, rounds] = [Number(values.seed), Number(values.rounds)]
  const random = randomFrom(seed)
  const rig = await openWitnessed()
  try {
    for (let at = 0; at < rounds; at++) {
      const own = rounds === 1 ? seed : wholeFrom(random, 2 ** 31)
      console.log(`round ${at + 1} of ${rounds}; alone: npm run campaign -- --seed ${own} --rounds 1`)
      const lived = await round(rig, `subject-${at}`, own)
      const seconds = lived.reduce((sum, { ms }) => sum + ms, 0) / 1000
      console.log(`  ${lived.length} verbs in ${seconds.toFixed(0)} s`)
    }
    const left = await leftInStore(rig)
    if (left.length > 0) throw new Error(`I-20: left in the store: ${left.join('\n')}`)
    console.log(`${rounds} rounds: every end as undisturbed, nothing left, the witness never touched`)
    return 0
  } catch (error) {
    console.log(error instanceof Error ? error.message : error)
    return 1
  } finally {
    await rig.close()
  }
}

process.exitCode = await main()
