/** How changes of running guests went that were tried, so that one that fails is left alone for a while. */

import type { Clock } from '#drivers/clock/port.ts'
import { attemptKey, partOf, type Attempt, type LiveStep } from '#kinds/guest/plan.ts'
import { reason, type Hold } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'

/** What nobody has tried for so long is new again. */
const keptMs = 600_000
/** Changes that come to be after they were asked for, as far as the guest goes along. */
const gradual: ReadonlySet<LiveStep['do']> = new Set(['set-memory', 'set-balloon'])

export class Attempts {
  readonly #clock: Clock
  readonly #tries = new Map<string, Map<string, Attempt>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  of(guest: string): Readonly<Record<string, Attempt>> {
    const tries = this.#tries.get(guest)
    if (tries === undefined) return {}
    for (const [key, { atMs }] of tries) if (Math.abs(this.#clock.now() - atMs) > keptMs) tries.delete(key)
    return Object.fromEntries(tries)
  }

  /** A process that is gone takes with it what was tried of it. */
  forget(guest: string) {
    this.#tries.delete(guest)
  }

  /** Does it, and remembers how it went. */
  async tried(guest: string, step: LiveStep, work: () => Promise<void>): Promise<void> {
    const before = this.#tries.get(guest)?.get(attemptKey(step))?.tries ?? 0
    await work().catch((fault: unknown) => {
      if (!isCutShort(fault))
        this.#keep(guest, step, { tries: before + 1, hold: holdOf(fault, partOf(step)) })
      throw fault
    })
    this.#keep(guest, step, { tries: gradual.has(step.do) ? before + 1 : 1, hold: null })
    // What goes may make room for what found none.
    const tries = this.#tries.get(guest)
    for (const [key, { hold }] of tries ?? []) if (hold?.code === 'guest/no-slot') tries?.delete(key)
  }

  #keep(guest: string, step: LiveStep, how: Omit<Attempt, 'atMs'>) {
    const tries = this.#tries.get(guest) ?? new Map<string, Attempt>()
    this.#tries.set(guest, tries.set(attemptKey(step), { ...how, atMs: this.#clock.now() }))
  }
}

const isCutShort = (fault: unknown) => fault instanceof Problem && fault.code === 'store/conflict'

function holdOf(fault: unknown, part: string): Hold {
  if (fault instanceof Problem && (fault.code === 'guest/clings' || fault.code === 'guest/no-slot'))
    return reason(fault.code, { part })
  return reason('guest/change-failed', { part, why: story(fault).slice(0, 300) })
}

/** Waits for a guest that end early when something else is wished meanwhile: another round will do. */
export class Patience {
  readonly #waits = new Map<string, AbortController>()

  /** Aborts with the other signal, or when the guest's wish changes. */
  with(guest: string, signal: AbortSignal): AbortSignal {
    const wait = new AbortController()
    this.#waits.set(guest, wait)
    return AbortSignal.any([signal, wait.signal])
  }

  end(guest: string) {
    this.#waits.get(guest)?.abort(new Problem('store/conflict', { kind: 'guest', id: guest }))
    this.#waits.delete(guest)
  }
}
