/**
 * Hands samples on to be kept, a batch every 10 s, and looks after what is kept. When that fails the samples are lost,
 * and it is said; when the wall clock jumped nothing is dropped for its age for a while.
 */

import { limits } from '#model/limits.ts'
import { Problem, story } from '#model/problem.ts'
import type { Sample, Subject } from '#model/metrics.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Metrics } from '#drivers/metrics/port.ts'

export type MetricsHealth = {
  /** `none`: nothing keeps them. */
  readonly state: 'ok' | 'losing' | 'none'
  readonly why: string
  /** Samples lost since this controller started. */
  readonly lost: number
}

type Ports = {
  readonly clock: Clock
  readonly metrics: Metrics | undefined
  readonly log: (line: string) => void
  readonly isKnown: () => readonly Subject[]
}

/** Batches between two rounds of upkeep: a minute. */
const tendEvery = 6
/** Parts of upkeep in one round; what is left waits for the next. */
const partsAtMost = 200
/** Between two parts, so that writers and readers get their turn. */
const breathMs = 20
/** The wall clock went another way than the monotonic one by more than this: it was set. */
const jumpFromMs = 60_000
/** A clock that is wrong at the start is usually set right within this. */
const settlingMs = 3_600_000
/** Samples that wait for a slow disk: three batches of a large pool. */
const waitingAtMost = 100_000

export class Archivist {
  readonly #ports: Ports
  #batch: Sample[] = []
  #health: MetricsHealth
  /** Monotonic time from which age may be judged. */
  #mayForgetFrom: number
  #seen: { readonly wall: number; readonly steady: number }

  constructor(ports: Ports) {
    const { clock, metrics } = ports
    this.#ports = ports
    this.#health = { state: metrics === undefined ? 'none' : 'ok', why: '', lost: 0 }
    this.#mayForgetFrom = clock.monotonic() + settlingMs
    this.#seen = { wall: clock.now(), steady: clock.monotonic() }
  }

  keep(sample: Sample) {
    if (this.#ports.metrics === undefined) return
    if (this.#batch.length < waitingAtMost) this.#batch.push(sample)
    else this.#lose(1, 'they come faster than they can be written')
  }

  health(): MetricsHealth {
    return this.#health
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, metrics } = this.#ports
    if (metrics === undefined) return
    for (let round = 1; !signal.aborted; round++) {
      await clock.sleep(limits.sampleMs, signal).catch(() => {})
      this.#watchClock()
      await this.#write(metrics)
      if (round % tendEvery === 0)
        await this.#tend(metrics, signal).catch((fault) => this.#lose(0, whyOf(fault)))
    }
  }

  async #write(metrics: Metrics) {
    const batch = this.#batch
    this.#batch = []
    if (batch.length === 0) return
    try {
      await metrics.write(batch)
      if (this.#health.state === 'losing')
        this.#ports.log(`metrics are kept again; ${this.#health.lost} samples were lost`)
      this.#health = { ...this.#health, state: 'ok', why: '' }
    } catch (fault) {
      this.#lose(batch.length, whyOf(fault))
    }
  }

  #lose(count: number, why: string) {
    if (this.#health.state !== 'losing') this.#ports.log(`metrics are lost: ${why}`)
    this.#health = { state: 'losing', why, lost: this.#health.lost + count }
  }

  async #tend(metrics: Metrics, signal: AbortSignal) {
    const { clock, isKnown } = this.#ports
    const mayForget = clock.monotonic() >= this.#mayForgetFrom
    const known = isKnown()
    for (let part = 0; part < partsAtMost && !signal.aborted; part++) {
      const { isDone } = await metrics.tend({ nowMs: clock.now(), isKnown: known, mayForget })
      if (isDone) return
      await clock.sleep(breathMs, signal).catch(() => {})
    }
  }

  #watchClock() {
    const { clock } = this.#ports
    const now = { wall: clock.now(), steady: clock.monotonic() }
    const jumpMs = now.wall - this.#seen.wall - (now.steady - this.#seen.steady)
    this.#seen = now
    if (Math.abs(jumpMs) > jumpFromMs) this.#mayForgetFrom = now.steady + limits.metricsJumpMs
  }
}

const whyOf = (fault: unknown) => (fault instanceof Problem ? fault.message : story(fault))
