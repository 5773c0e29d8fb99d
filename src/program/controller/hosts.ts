/**
 * Which hosts answer. A host falls silent after a bound of monotonic time without a word, never by the
 * wall clock (I-03, I-04); silent is not dead, and nothing is done about its guests (I-25).
 */

import { judged } from '#model/condition.ts'
import type { Document, Stored } from '#model/document.ts'
import { limits } from '#model/limits.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { HostDocument, HostStatus } from '#kinds/host/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import type { HostAllocations } from './allocations.ts'
import type { Chronicle } from './chronicle.ts'
import { edited } from './documents.ts'

/** Figures are written this much later at most: many placements become one write. */
const figuresMs = 500

export class Hosts {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #allocations: HostAllocations
  readonly #chronicle: Chronicle
  readonly #heardAt = new Map<string, number>()
  readonly #figuresDue = new Set<string>()

  constructor(on: { replica: Replica; clock: Clock; allocations: HostAllocations; chronicle: Chronicle }) {
    this.#replica = on.replica
    this.#clock = on.clock
    this.#allocations = on.allocations
    this.#chronicle = on.chronicle
    const startedAt = on.clock.monotonic()
    for (const { document } of on.replica.all('host')) this.#heardAt.set(document.name, startedAt)
    on.replica.onChange((seen) => {
      for (const { kind, after } of seen)
        if (kind === 'allocation' && after) this.#refigure(after.document.name)
    })
  }

  heard(name: string) {
    this.#heardAt.set(name, this.#clock.monotonic())
  }

  async connected(name: string): Promise<void> {
    this.heard(name)
    await this.#set(name, 'connected')
  }

  /** Looks for ever, until aborted, which hosts have fallen silent. */
  async watch(isConnected: (host: string) => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(limits.heartbeatMs, signal).catch(() => {})
      if (signal.aborted) return
      for (const { document } of [...this.#replica.all('host')] as Stored<HostDocument>[]) {
        await this.#judge(document, isConnected(document.name)).catch(() => {})
      }
    }
  }

  async #judge({ name, status }: HostDocument, isConnected: boolean) {
    const quietMs = this.#clock.monotonic() - (this.#heardAt.get(name) ?? 0)
    if (status.state === 'connected' && quietMs > limits.hostSilentMs) await this.#set(name, 'silent')
    else if (status.state !== 'connected' && isConnected && quietMs < limits.hostSilentMs)
      await this.#set(name, 'connected')
  }

  async #set(name: string, state: HostStatus['state']) {
    const stored = this.#replica.find('host', null, name)
    if (stored === undefined) return
    const before = (stored.document as HostDocument).status.state
    await edited(this.#replica, stored.document, (document) => withState(document, state, this.#clock.now()))
    if (before !== state) this.#chronicle.stateChanged(stored.document, state)
  }

  #refigure(name: string) {
    if (this.#figuresDue.has(name)) return
    this.#figuresDue.add(name)
    this.#clock.after(figuresMs, () => {
      this.#figuresDue.delete(name)
      void this.#writeFigures(name).catch(() => this.#refigure(name))
    })
  }

  async #writeFigures(name: string) {
    const stored = this.#replica.find('host', null, name)
    if (stored === undefined) return
    const allocated = this.#allocations.totals(name)
    await edited(this.#replica, stored.document, (document) => ({
      ...document,
      status: { ...(document.status as HostStatus), allocated },
    }))
  }
}

function withState(document: Document, state: HostStatus['state'], nowMs: number): Document {
  const { status } = document as HostDocument
  if (status.state === state) return document
  const conditions = judged(
    status.conditions,
    { type: 'connected', status: state === 'connected' ? 'true' : 'unknown' },
    nowMs,
  )
  return { ...document, status: { ...status, state, sinceMs: nowMs, conditions } }
}
