/**
 * What agents measured: the last minute of every machine and host in memory, all of it handed on to be kept. Nobody
 * waits for that, and nothing fails for it. Times are this controller's own (I-40).
 */

import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Figures, MeasuredKind, Subject } from '#model/metrics.ts'
import { figuresFrom, recentAfter, type Recent } from '#engines/metering/recent.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Metrics } from '#drivers/metrics/port.ts'
import type { Replica } from '#runtime/replica.ts'
import { Archivist, type MetricsHealth } from './archivist.ts'

/** Without a sample for so long, what is known is no longer of now. */
const freshMs = 6 * limits.sampleMs
/** A first sample may be of a moment; none is of more than the wait for one. */
const overAtMostMs = 10 * limits.sampleMs

type Known = Recent & { readonly heardAt: number }

type Ports = {
  readonly replica: Replica
  readonly clock: Clock
  readonly metrics: Metrics | undefined
  readonly log: (line: string) => void
}

export class Measurements {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #archivist: Archivist
  readonly #recent: Readonly<Record<MeasuredKind, Map<string, Known>>> = {
    machine: new Map(),
    host: new Map(),
  }
  /** The last sample of each host, so that one that comes twice is taken once. */
  readonly #last = new Map<string, { readonly incarnation: string; readonly sequence: number }>()

  /** Needs the index `guest-of`. */
  constructor({ replica, clock, metrics, log }: Ports) {
    this.#replica = replica
    this.#clock = clock
    this.#archivist = new Archivist({ clock, metrics, log, isKnown: () => this.#subjects() })
    replica.onChange((seen) => {
      for (const { kind, id, after } of seen)
        if ((kind === 'machine' || kind === 'host') && after === undefined) this.#recent[kind].delete(id)
    })
  }

  /** Keeps what is taken, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#archivist.run(signal)
  }

  /** What a heartbeat of a host carried. */
  take(host: string, usage: unknown) {
    if (!isObject(usage) || typeof usage.incarnation !== 'string' || !Array.isArray(usage.samples)) return
    for (const sample of usage.samples.slice(0, limits.samplesWaiting))
      if (isObject(sample)) this.#takeOne(host, usage.incarnation, sample)
  }

  #takeOne(host: string, incarnation: string, said: Record<string, unknown>) {
    const { sequence, agoMs, overMs } = said
    if (typeof sequence !== 'number' || !isBetween(agoMs, 0, limits.sampleLateMs)) return
    const last = this.#last.get(host)
    if (last?.incarnation === incarnation && sequence <= last.sequence) return
    this.#last.set(host, { incarnation, sequence })
    if (!isBetween(overMs, 1, overAtMostMs)) return
    const when = { atMs: this.#clock.now() - agoMs, overMs, heardAt: this.#clock.monotonic() - agoMs }
    const itself = this.#replica.find('host', null, host)?.document.id
    if (itself !== undefined) this.#note({ kind: 'host', id: itself }, said.host, when)
    const guests = isObject(said.guests) ? Object.entries(said.guests) : []
    for (const [id, figures] of guests.slice(0, limits.guestsPerSample)) {
      const guest = this.#replica.get('guest', id)?.document
      // A host speaks for the guests that stand on it, and for no others.
      if (guest === undefined || guest.host !== host || guest.owner === null) continue
      this.#note({ kind: 'machine', id: guest.owner }, figures, when)
    }
  }

  #note(subject: Subject, said: unknown, when: { atMs: number; overMs: number; heardAt: number }) {
    const figures = figuresFrom(subject.kind, said)
    if (Object.keys(figures).length === 0) return
    const { atMs, overMs, heardAt } = when
    const known = this.#recent[subject.kind]
    const recent = recentAfter(known.get(subject.id), subject.kind, { figures, overMs, atMs })
    known.set(subject.id, { ...recent, heardAt })
    this.#archivist.keep({ subject, atMs, overMs, figures })
  }

  /** The last minute of a subject; nothing when it is longer ago. */
  recent(kind: string, id: string): Recent | undefined {
    if (kind !== 'machine' && kind !== 'host') return undefined
    const known = this.#recent[kind].get(id)
    return known !== undefined && this.#clock.monotonic() - known.heardAt < freshMs ? known : undefined
  }

  /** Sums since the first sample, also of those that are silent now: counters never go back. */
  totals(kind: MeasuredKind, id: string): Figures {
    return this.#recent[kind].get(id)?.totals ?? {}
  }

  health(): MetricsHealth {
    return this.#archivist.health()
  }

  #subjects(): Subject[] {
    return (['machine', 'host'] as const).flatMap((kind) =>
      Array.from(this.#replica.all(kind), ({ document }): Subject => ({ kind, id: document.id })),
    )
  }
}

const isBetween = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && value >= least && value <= most
