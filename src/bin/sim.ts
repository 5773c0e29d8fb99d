/** `npm run sim`: runs the simulator on a seed, or on many; prints what happened when an invariant broke. */

import { parseArgs } from 'node:util'
import { faultsFrom } from '#sim/faults.ts'
import { simulate, type Outcome, type RunOptions } from '#sim/simulation.ts'

const usage = `npm run sim -- [--seed N] [--seeds COUNT] [--hosts H] [--machines M] [--steps S]
               [--faults all|none|NAME,…|-NAME,…] [--lines L] [--until-failure] [--verbose]`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    hosts: { type: 'string', default: '3' },
    machines: { type: 'string', default: '6' },
    steps: { type: 'string', default: '120' },
    faults: { type: 'string', default: 'all' },
    lines: { type: 'string', default: '80' },
    'until-failure': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function command({ seed, hosts, machines, steps }: RunOptions) {
  return `npm run sim -- --seed ${seed} --hosts ${hosts} --machines ${machines} --steps ${steps} --faults ${values.faults}`
}

function print({ options, violation, journal, events, virtualMs }: Outcome) {
  if (violation === undefined && !values.verbose) return
  const lines = journal.slice(-Number(values.lines))
  console.log(lines.join('\n'))
  if (violation === undefined)
    return console.log(`seed ${options.seed}: ${events} events, ${Math.round(virtualMs / 1000)} s`)
  console.log(
    `\nseed ${options.seed}: ${violation.invariant} broken after ${Math.round(violation.atMs)} ms: ${violation.why}`,
  )
  console.log(`again: ${command(options)}`)
}

async function main() {
  if (values.help) return console.log(usage)
  const [first, count] = [Number(values.seed), Number(values.seeds)]
  const began = performance.now()
  const failed: number[] = []
  let events = 0
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await simulate({
      seed,
      hosts: Number(values.hosts),
      machines: Number(values.machines),
      steps: Number(values.steps),
      faults: faultsFrom(values.faults),
    })
    events += outcome.events
    if (outcome.violation !== undefined) failed.push(seed)
    print(outcome)
    if (failed.length > 0 && values['until-failure']) break
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(
    `${count} seeds, ${events} events, ${seconds} s; ${failed.length} failed${failed.length > 0 ? `: ${failed.join(' ')}` : ''}`,
  )
  process.exitCode = failed.length > 0 ? 1 : 0
}

await main()
