/**
 * What guests tell of themselves, asked of the agents inside them: often until they are ready, seldom
 * afterwards. Some are asked at once; one that hangs costs nobody else anything but its place.
 */

import { same } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { GuestInside } from '#kinds/guest/schema.ts'
import type { AgentPorts } from './world.ts'

export type Followed = {
  /** Another process is another guest: what the last one said is forgotten. */
  readonly pid: number
  readonly isReady: boolean
  /** Found running: who held its file systems still may have died over it. */
  readonly isAdopted: boolean
}

type Entry = {
  followed: Followed
  inside: GuestInside | null
  dueAtMs: number
  /** Looks in a row that nobody answered. */
  silences: number
  isAsked: boolean
  isThawed: boolean
}

const tickMs = 1_000
const unreadyMs = 3_000
const readyMs = 30_000
/** Guests asked at the same time; each may take as long as an agent's answer. */
const atOnce = 8

export class Insides {
  readonly #ports: Pick<AgentPorts, 'clock' | 'hypervisor'>
  readonly #wake: (guest: string) => void
  readonly #entries = new Map<string, Entry>()
  #asked = 0

  constructor(ports: Pick<AgentPorts, 'clock' | 'hypervisor'>, wake: (guest: string) => void) {
    this.#ports = ports
    this.#wake = wake
  }

  /** What the guest said last in this boot; null while it has said nothing. */
  of(guest: string): GuestInside | null {
    return this.#entries.get(guest)?.inside ?? null
  }

  /** From now on the guest is asked; null: no longer. */
  follow(guest: string, followed: Followed | null) {
    if (followed === null) return void this.#entries.delete(guest)
    const entry = this.#entries.get(guest)
    if (entry?.followed.pid === followed.pid) entry.followed = followed
    else
      this.#entries.set(guest, {
        followed,
        inside: null,
        dueAtMs: this.#ports.clock.monotonic(),
        silences: 0,
        isAsked: false,
        isThawed: !followed.isAdopted,
      })
  }

  /** Asks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#ask(signal)
      await this.#ports.clock.sleep(tickMs, signal).catch(() => {})
    }
  }

  #ask(signal: AbortSignal) {
    const nowMs = this.#ports.clock.monotonic()
    if (this.#asked >= atOnce) return
    const due = [...this.#entries].filter(([, { isAsked, dueAtMs }]) => !isAsked && dueAtMs <= nowMs)
    // Who has waited longest is first: those that hang come back soon, and would keep the others out (I-46).
    for (const [guest, entry] of due.toSorted(([, a], [, b]) => a.dueAtMs - b.dueAtMs)) {
      if (this.#asked >= atOnce || signal.aborted) return
      entry.isAsked = true
      this.#asked += 1
      void this.#look(guest, entry, signal).finally(() => {
        entry.isAsked = false
        this.#asked -= 1
        entry.dueAtMs = this.#ports.clock.monotonic() + pauseMs(entry)
        this.#ask(signal)
      })
    }
  }

  async #look(guest: string, entry: Entry, signal: AbortSignal) {
    const { agent } = this.#ports.hypervisor
    // What was left frozen is thawed before anything else is asked of it (I-38).
    if (!entry.isThawed)
      entry.isThawed = await agent.thaw(guest, signal).then(
        () => true,
        () => false,
      )
    const told = await agent.look(guest, signal).catch((fault: unknown) => brokenBy(fault))
    entry.silences = told?.isAnswering === true ? 0 : entry.silences + 1
    const inside = told === null ? silent(entry.inside) : rounded(told)
    if (same(inside, entry.inside) || this.#entries.get(guest) !== entry) return
    entry.inside = inside
    this.#wake(guest)
  }
}

/** One that never answers is asked less and less. */
const pauseMs = ({ followed, silences }: Entry) =>
  followed.isReady ? readyMs : Math.min(readyMs, unreadyMs * (1 + Math.floor(silences / 20)))

const silent = (before: GuestInside | null): GuestInside | null =>
  before === null ? null : { ...before, isAnswering: false }

const nothing: GuestInside = {
  isAnswering: false,
  hostname: '',
  os: '',
  kernel: '',
  agentVersion: '',
  timezone: '',
  addresses: [],
  fileSystems: [],
  cloudInit: 'unknown',
  detail: '',
}

/** An agent that answers nonsense is said to; what it said is not. */
const brokenBy = (fault: unknown): GuestInside | null =>
  fault instanceof Problem && fault.code === 'guest/agent-broken'
    ? { ...nothing, detail: fault.message.slice(0, 400) }
    : null

/** Rounded, so that a few blocks more or less are no news. */
function rounded(inside: GuestInside): GuestInside {
  const fileSystems = inside.fileSystems.map((one) => {
    const step = Math.max(2 ** 20, 2 ** Math.ceil(Math.log2(Math.max(1, one.totalBytes))) / 64)
    return { ...one, usedBytes: Math.round(one.usedBytes / step) * step }
  })
  return { ...inside, fileSystems }
}
