/**
 * What the agent measures: every 10 s a reading of each guest and of the host becomes figures. Samples that nobody
 * takes wait, a few minutes' worth; each says how long ago it was taken, so that no two clocks need agree.
 */

import type { Json, JsonObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Figures } from '#model/metrics.ts'
import type { HostReading, Usage } from '#model/readings.ts'
import { guestFigures, hostFiguresOf } from '#engines/metering/rates.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Gauge } from '#drivers/gauge/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'

/** The second reading comes sooner, so that a new agent soon has something to say. */
const firstMs = 2_000
/** Guests asked at once: enough to hide a slow one, few enough to leave the agent its time. */
const guestsAtOnce = 16
/** Samples in one heartbeat: after a silence the rest follows with the next ones. */
const samplesPerBeat = 4

type Taken<Reading> = { readonly reading: Reading; readonly at: number }
type Sample = {
  readonly sequence: number
  readonly takenAt: number
  readonly overMs: number
  readonly host: Figures
  readonly guests: Readonly<Record<string, Figures>>
}

export type SamplerPorts = {
  readonly clock: Clock
  readonly hypervisor: Hypervisor
  readonly gauge?: Gauge
  readonly newId: () => string
}

export class Sampler {
  readonly #ports: SamplerPorts
  readonly #incarnation: string
  #guests = new Map<string, Taken<Usage>>()
  #host: Taken<HostReading> | undefined
  #waiting: Sample[] = []
  #sequence = 0
  #lastAt: number

  constructor(ports: SamplerPorts) {
    this.#ports = ports
    this.#incarnation = ports.newId()
    this.#lastAt = ports.clock.monotonic()
  }

  /** Samples until aborted. One that fails is missing; the next comes in its time. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#ports
    for (let dueMs = firstMs; !signal.aborted; dueMs = limits.sampleMs) {
      const began = clock.monotonic()
      await this.take().catch(() => undefined)
      const left = Math.max(0, dueMs - (clock.monotonic() - began))
      await clock.sleep(left, signal).catch(() => {})
    }
  }

  /** Takes one sample now. */
  async take(): Promise<void> {
    const { clock, gauge } = this.#ports
    const host = await this.#readHost(gauge)
    const guests = await this.#readGuests()
    const takenAt = clock.monotonic()
    const overMs = Math.max(1, Math.round(takenAt - this.#lastAt))
    this.#lastAt = takenAt
    this.#waiting.push({ sequence: ++this.#sequence, takenAt, overMs, host, guests })
    this.#waiting.splice(0, this.#waiting.length - limits.samplesWaiting)
  }

  /** What goes up with the next heartbeat, once; what is lost on its way is lost. */
  due(): JsonObject {
    const now = this.#ports.clock.monotonic()
    const due = this.#waiting.splice(0, samplesPerBeat)
    if (due.length === 0) return {}
    const samples = due.map(({ takenAt, ...sample }) => ({ ...sample, agoMs: Math.round(now - takenAt) }))
    return { incarnation: this.#incarnation, samples: samples as unknown as Json }
  }

  async #readHost(gauge: Gauge | undefined): Promise<Figures> {
    if (gauge === undefined) return {}
    const reading = await gauge.read()
    const at = this.#ports.clock.monotonic()
    const before = this.#host
    this.#host = { reading, at }
    return brief(hostFiguresOf(before?.reading, reading, secondsSince(before, at)))
  }

  async #readGuests(): Promise<Record<string, Figures>> {
    const { hypervisor } = this.#ports
    const ids = (await hypervisor.list()).slice(0, limits.guestsPerSample)
    const read = new Map<string, Taken<Usage>>()
    const figures: Record<string, Figures> = {}
    for (let from = 0; from < ids.length; from += guestsAtOnce) {
      const some = ids.slice(from, from + guestsAtOnce)
      await Promise.all(some.map((id) => this.#readGuest(id, read, figures)))
    }
    this.#guests = read
    return figures
  }

  async #readGuest(id: string, read: Map<string, Taken<Usage>>, figures: Record<string, Figures>) {
    const reading = await this.#ports.hypervisor.usage(id).catch(() => null)
    if (reading === null) return
    const at = this.#ports.clock.monotonic()
    const before = this.#guests.get(id)
    read.set(id, { reading, at })
    figures[id] = brief(guestFigures(before?.reading, reading, secondsSince(before, at)))
  }
}

const secondsSince = (before: Taken<unknown> | undefined, at: number) =>
  before === undefined ? 0 : (at - before.at) / 1000

/** Five digits are more than any of these is worth, and half as long to say. */
const brief = (figures: Figures): Figures =>
  Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toPrecision(5))]))
