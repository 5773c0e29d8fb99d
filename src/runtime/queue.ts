/**
 * Work to do, by key. A key waits at most once, is worked on by one at a time, and comes again later
 * when its work asks for that or fails: then after growing pauses.
 */

import type { Clock } from '#drivers/clock/port.ts'

export type Round = { readonly againMs?: number }

const firstPauseMs = 250
const longestPauseMs = 30_000
/** Rounds started before others get a turn of the loop: after a start thousands wait, and people ask too (I-47). */
const roundsAtOnce = 128

type Entry = {
  isQueued: boolean
  isWorking: boolean
  isStale: boolean
  failures: number
  cancel?: (() => void) | undefined
}

export class WorkQueue {
  readonly #clock: Clock
  readonly #work: (key: string) => Promise<Round>
  readonly #onFault: (key: string, fault: unknown) => void
  readonly #entries = new Map<string, Entry>()
  /** Keys in the order in which they came; those before `#first` have been taken. */
  #ready: string[] = []
  #first = 0
  readonly #concurrency: number
  #working = 0
  #started = 0
  #turn: (() => void) | undefined
  #isStopped = false
  #idle: (() => void)[] = []

  constructor(options: {
    clock: Clock
    work: (key: string) => Promise<Round>
    onFault: (key: string, fault: unknown) => void
    concurrency?: number
  }) {
    this.#clock = options.clock
    this.#work = options.work
    this.#onFault = options.onFault
    this.#concurrency = options.concurrency ?? 16
  }

  /** Keys waiting or in work. */
  get size() {
    return this.#ready.length - this.#first + this.#working
  }

  /** Asks for a round of `key` now, or right after the one in work. */
  wake(key: string) {
    if (this.#isStopped) return
    const entry = this.#entries.get(key) ?? { isQueued: false, isWorking: false, isStale: false, failures: 0 }
    this.#entries.set(key, entry)
    entry.cancel?.()
    entry.cancel = undefined
    if (entry.isWorking) entry.isStale = true
    else if (!entry.isQueued) {
      entry.isQueued = true
      this.#ready.push(key)
    }
    this.#pump()
  }

  /** Starts nothing more and resolves when the rounds in work are over. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const entry of this.#entries.values()) entry.cancel?.()
    this.#turn?.()
    this.#ready = []
    this.#first = 0
    if (this.#working > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #pump() {
    while (!this.#isStopped && this.#turn === undefined && this.#working < this.#concurrency) {
      const key = this.#take()
      if (key === undefined) return
      if (++this.#started % roundsAtOnce === 0) this.#rest()
      const entry = this.#entries.get(key)
      if (entry !== undefined) void this.#run(key, entry)
    }
  }

  /** Starts nothing until the loop has come round. */
  #rest() {
    this.#turn = this.#clock.after(0, () => {
      this.#turn = undefined
      this.#pump()
    })
  }

  /** The next key. Thousands wait after a start: what was taken is let go of now and then, not each time. */
  #take(): string | undefined {
    const key = this.#ready[this.#first]
    if (key === undefined) return undefined
    this.#first++
    if (this.#first < this.#ready.length && this.#first < 1024) return key
    this.#ready = this.#ready.slice(this.#first)
    this.#first = 0
    return key
  }

  async #run(key: string, entry: Entry) {
    entry.isQueued = false
    entry.isWorking = true
    entry.isStale = false
    this.#working++
    const againMs = await this.#attempt(key, entry)
    this.#working--
    entry.isWorking = false
    if (this.#isStopped) {
      if (this.#working === 0) for (const resolve of this.#idle.splice(0)) resolve()
      return
    }
    if (entry.isStale) this.wake(key)
    else if (againMs === undefined) this.#entries.delete(key)
    else entry.cancel = this.#clock.after(againMs, () => this.wake(key))
    this.#pump()
  }

  async #attempt(key: string, entry: Entry): Promise<number | undefined> {
    try {
      const { againMs } = await this.#work(key)
      entry.failures = 0
      return againMs
    } catch (fault) {
      this.#onFault(key, fault)
      return pauseMs(entry.failures++)
    }
  }
}

/** How long to wait after the n-th failure in a row, in milliseconds: 250, 500, … up to 30,000. */
export const pauseMs = (failures: number) =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(failures, 20))
