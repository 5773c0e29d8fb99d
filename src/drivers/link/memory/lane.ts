/** One direction of a simulated connection: things arrive later, in order, or not at all. */

import type { Clock } from '#drivers/clock/port.ts'

/**
 * Delivers in the order of `push`, each in a microtask of its own or after its delay. A late item holds
 * back those behind it, as a stream does. Uses no timer but the clock's.
 */
export class Lane {
  readonly #clock: Clock
  readonly #queue: (() => void)[] = []
  readonly #early: number[] = []
  readonly #timers = new Set<() => void>()
  #started = false
  #muted = false
  #readyAtMs = 0
  #late = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  push(deliver: () => void, lateMs = 0) {
    if (this.#muted) return
    this.#queue.push(deliver)
    if (this.#started) this.#schedule(lateMs)
    else this.#early.push(lateMs)
  }

  /** Nothing is delivered before. */
  start() {
    this.#started = true
    for (const lateMs of this.#early.splice(0)) this.#schedule(lateMs)
  }

  /** From now on everything pushed is lost; what is under way still arrives. */
  mute() {
    this.#muted = true
  }

  stop() {
    this.#muted = true
    this.#queue.length = 0
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }

  #schedule(lateMs: number) {
    if (lateMs > 0 || this.#late > 0) this.#later(lateMs)
    else queueMicrotask(() => this.#next())
  }

  #later(lateMs: number) {
    const now = this.#clock.monotonic()
    this.#readyAtMs = Math.max(this.#readyAtMs, now + lateMs)
    this.#late++
    const cancel = this.#clock.after(this.#readyAtMs - now, () => {
      this.#timers.delete(cancel)
      this.#late--
      this.#next()
    })
    this.#timers.add(cancel)
  }

  #next() {
    this.#queue.shift()?.()
  }
}
