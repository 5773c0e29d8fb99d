/**
 * What an agent has to say and the controller has not yet received: the latest status of each document,
 * and events. Said at once when connected, again after each reconnection until received.
 */

import { same, type Json } from '#base/json.ts'
import type { Up, Uplink } from '#drivers/link/port.ts'

type Report = Extract<Up, { say: 'report' }>
type Event = Extract<Up, { say: 'event' }>

/** Events kept while the controller is away; older ones go first (I-48). */
const eventsKept = 1_000

export class AgentReports {
  readonly #pending = new Map<string, Report | Event>()
  readonly #said = new Map<string, Json>()
  #sequence = 0
  #uplink: Uplink | undefined

  /** The newest status of a document; nothing is said when it is the one that was said last. */
  report(report: Omit<Report, 'say' | 'sequence'>) {
    const key = `${report.kind}/${report.id}`
    const content = {
      generation: report.generation,
      status: report.status,
      isStray: report.document !== undefined,
    }
    if (same(this.#said.get(key), content)) return
    this.#said.set(key, content)
    this.#say(key, { say: 'report', sequence: ++this.#sequence, ...report })
  }

  event(event: Omit<Event, 'say' | 'sequence'>) {
    this.#say(`event/${event.id}`, { say: 'event', sequence: ++this.#sequence, ...event })
    const events = [...this.#pending.keys()].filter((key) => key.startsWith('event/'))
    for (const key of events.slice(0, Math.max(0, events.length - eventsKept))) this.#pending.delete(key)
  }

  received(sequence: number) {
    for (const [key, up] of this.#pending) if (up.sequence === sequence) this.#pending.delete(key)
  }

  heartbeat(atMs: number, usage: Json) {
    this.#uplink?.say({ say: 'heartbeat', atMs, usage })
  }

  /** A new connection: everything not received is said again, in order. */
  connected(uplink: Uplink) {
    this.#uplink = uplink
    for (const up of [...this.#pending.values()].toSorted((a, b) => a.sequence - b.sequence)) uplink.say(up)
  }

  /** What the controller now knows may be less than what was said: say each status anew. */
  forgetSaid() {
    this.#said.clear()
  }

  /** Ends the connection, so that a new one says everything anew. */
  reconnect() {
    this.#uplink?.close()
  }

  disconnected(uplink: Uplink) {
    if (this.#uplink === uplink) this.#uplink = undefined
  }

  #say(key: string, up: Report | Event) {
    this.#pending.delete(key)
    this.#pending.set(key, up)
    this.#uplink?.say(up)
  }
}
