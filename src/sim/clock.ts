/**
 * Virtual time. It stands still while any program has something to do and then leaps to the next timer, so
 * that an hour passes in a moment and a run is the same every time.
 */

import type { Clock } from '#drivers/clock/port.ts'

type Timer = { readonly atMs: number; readonly order: number; call: (() => void) | undefined }

/** A morning in spring; any start will do as long as it is always the same. */
const dawnMs = Date.UTC(2026, 2, 21, 6)

export class VirtualTime {
  readonly #timers = new Timers()
  #nowMs = 0

  /** Milliseconds since the run began. */
  get elapsedMs() {
    return this.#nowMs
  }

  /** Timers that wait; a bound on it shows that nothing piles up (I-48). */
  get waiting() {
    return this.#timers.size
  }

  after(ms: number, call: () => void): () => void {
    const timer = this.#timers.add(this.#nowMs + Math.max(0, ms), call)
    return () => (timer.call = undefined)
  }

  /** Lets everything run that needs no time. */
  async settle(): Promise<void> {
    // Microtasks are all done before the loop comes to an immediate; nothing here uses other queues.
    await new Promise<void>((resolve) => setImmediate(resolve))
  }

  /** Fires the next timer, if one is due by then, and lets what it woke run. False: time is up. */
  async step(untilMs: number): Promise<boolean> {
    const timer = this.#timers.next(untilMs)
    if (timer === undefined) {
      this.#nowMs = Math.max(this.#nowMs, untilMs)
      return false
    }
    this.#nowMs = timer.atMs
    timer.call?.()
    await this.settle()
    return true
  }
}

/** One program's or host's own clock: all go at one pace, each may be set wrong by itself. */
export class ClockFace implements Clock {
  readonly #time: VirtualTime
  #wrongByMs = 0

  constructor(time: VirtualTime) {
    this.#time = time
  }

  now() {
    return Math.round(dawnMs + this.#time.elapsedMs + this.#wrongByMs)
  }

  monotonic() {
    return this.#time.elapsedMs
  }

  after(ms: number, call: () => void) {
    return this.#time.after(ms, call)
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const cancel = this.#time.after(ms, () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      })
      const stop = () => {
        cancel()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', stop, { once: true })
    })
  }

  /** Somebody sets the clock. Only the wall time moves. */
  jump(byMs: number) {
    this.#wrongByMs += byMs
  }

  /** The clock is right again. */
  mend() {
    this.#wrongByMs = 0
  }
}

/** A heap by time, then by order of asking. */
class Timers {
  readonly #heap: Timer[] = []
  #order = 0

  get size() {
    return this.#heap.reduce((sum, { call }) => sum + (call === undefined ? 0 : 1), 0)
  }

  add(atMs: number, call: () => void): Timer {
    const timer = { atMs, order: (this.#order += 1), call }
    this.#heap.push(timer)
    this.#rise(this.#heap.length - 1)
    return timer
  }

  /** Takes the earliest that is due by then; cancelled ones go unseen. */
  next(untilMs: number): Timer | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || (first.call !== undefined && first.atMs > untilMs)) return undefined
      const last = this.#heap.pop() as Timer
      if (last !== first) {
        this.#heap[0] = last
        this.#sink()
      }
      if (first.call !== undefined) return first
    }
  }

  #rise(from: number) {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #sink() {
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = [left, left + 1].filter((child) => this.#isBefore(child, at))
      const [child = -1, other = child] = least
      if (child < 0) return
      const down = this.#isBefore(other, child) ? other : child
      this.#swap(at, down)
      at = down
    }
  }

  #isBefore(a: number, b: number) {
    const [one, two] = [this.#heap[a], this.#heap[b]]
    if (one === undefined || two === undefined) return false
    return one.atMs < two.atMs || (one.atMs === two.atMs && one.order < two.order)
  }

  #swap(a: number, b: number) {
    const [one, two] = [this.#heap[a] as Timer, this.#heap[b] as Timer]
    this.#heap[a] = two
    this.#heap[b] = one
  }
}
