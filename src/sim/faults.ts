/** What can go wrong in a run, and how it is healed. Which faults strike, and when, hangs on the seed only. */

import { oneOf, wholeFrom, type Random } from '#base/random.ts'
import { Problem } from '#model/problem.ts'
import type { Fate, Passing, Way } from '#drivers/link/memory/faults.ts'
import { onceIn } from './seed.ts'

export const faultNames = [
  'agent-kill',
  'controller-kill',
  'host-cycle',
  'crash-step',
  'crash-effect',
  'effect-fail',
  'link-cut',
  'link-late',
  'link-repeat',
  'link-one-way',
  'link-down',
  'store-full',
  'store-failing',
  'store-lost',
  'slow',
  'clock-jump',
  'guest-crash',
  'guest-panic',
  'guest-off',
  'guest-deaf',
  'guest-strange',
  'disk-full',
] as const

export type FaultName = (typeof faultNames)[number]

/** `all`, `none`, or names with commas; a name with `-` before it is left out of all. */
export function faultsFrom(text: string): ReadonlySet<FaultName> {
  const words = text.split(',').filter((word) => word !== '')
  const named = (word: string) => {
    const found = faultNames.find((name) => name === word)
    if (found === undefined) throw new Error(`no such fault: ${word}; there are: ${faultNames.join(', ')}`)
    return found
  }
  if (words.every((word) => word === 'none')) return new Set()
  const without = new Set(words.filter((word) => word.startsWith('-')).map((word) => named(word.slice(1))))
  const plain = words.filter((word) => word !== 'all' && !word.startsWith('-')).map(named)
  return new Set(plain.length > 0 ? plain : faultNames.filter((name) => !without.has(name)))
}

/** How bad the cables and disks are at this moment. The simulator turns these; healing turns them back. */
export class Weather {
  readonly #random: Random
  readonly #faults: ReadonlySet<FaultName>
  /** Hosts that reach nobody. */
  readonly unplugged = new Set<string>()
  store: 'ok' | 'full' | 'failing' = 'ok'
  isHealed = false

  constructor(random: Random, faults: ReadonlySet<FaultName>) {
    this.#random = random
    this.#faults = faults
  }

  /** Whether a fault may strike, once in so many times. */
  strikes(name: FaultName, times: number): boolean {
    return !this.isHealed && this.#faults.has(name) && onceIn(this.#random, times)
  }

  heal() {
    this.isHealed = true
    this.unplugged.clear()
    this.store = 'ok'
  }

  /** How long an effect takes. */
  delayMs(): number {
    return this.strikes('slow', 40) ? 1 + wholeFrom(this.#random, 4_000) : 0
  }

  connect(host: string): 'pass' | 'refuse' | 'hang' {
    if (this.unplugged.has(host)) return oneOf(this.#random, ['refuse', 'hang'] as const)
    return this.strikes('link-down', 20) ? 'hang' : 'pass'
  }

  fate(way: Way, host: string, passing: Passing): Fate {
    if (this.unplugged.has(host)) return 'silence'
    if (this.strikes('link-cut', 300)) return oneOf(this.#random, ['cut', 'cut-after'] as const)
    // A greeting belongs to its connection: no network brings that of another one.
    const isGreeting = 'say' in passing && passing.say === 'sync'
    if (!isGreeting && this.strikes('link-repeat', 60)) return 'repeat'
    if (this.strikes('link-late', 40)) return { lateMs: 1 + wholeFrom(this.#random, 6_000) }
    if (this.strikes('link-one-way', way === 'down' ? 500 : 900)) return 'silence'
    return 'pass'
  }

  readonly beforeCommit = () => {
    if (this.store === 'full') throw new Problem('store/full')
    if (this.store === 'failing') throw new Problem('store/failing', { why: 'simulated' })
  }
}
