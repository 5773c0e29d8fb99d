/** Light agents, many of them: one timer for all their heartbeats, a few bytes for each. */

import type { Json } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { MemoryLink } from '#drivers/link/memory/link.ts'
import type { AgentDoor, Ask, Down, Uplink } from '#drivers/link/port.ts'
import { kindNamed } from '#kinds/registry.ts'
import { lightStatus } from './light.ts'

/** Each agent is heard this often: twice within the bound for silence, with room for a busy machine. */
const heartbeatMs = limits.hostSilentMs / 2.5
/** All agents are gone through in so many parts, one after the other. */
const parts = 40
/** What a host takes to carry out a wish. */
const wishMs = 300

type Light = { uplink: Uplink | undefined; sequence: number }

export class Flock {
  readonly #link: MemoryLink
  readonly #clock: Clock
  readonly #agents = new Map<string, Light>()
  readonly #end = new AbortController()

  constructor(link: MemoryLink, clock: Clock) {
    this.#link = link
    this.#clock = clock
  }

  /** Resolves when every host has connected once. */
  async connect(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) {
      this.#agents.set(host, { uplink: undefined, sequence: 0 })
      await this.#connect(host)
    }
    void this.#beat()
  }

  async stop(): Promise<void> {
    this.#end.abort()
    for (const { uplink } of this.#agents.values()) uplink?.close()
  }

  async #connect(host: string) {
    const agent = this.#agents.get(host)
    if (agent === undefined || this.#end.signal.aborted) return
    const uplink = await this.#link
      .client(host)
      .connect(this.#door(host), this.#end.signal)
      .catch(() => undefined)
    agent.uplink = uplink
    void uplink?.closed.then(() => (agent.uplink = undefined))
  }

  /** Says that hosts live, a part of them at a time; those that lost their connection come again. */
  async #beat() {
    const hosts = [...this.#agents.keys()]
    for (let part = 0; !this.#end.signal.aborted; part = (part + 1) % parts) {
      const atMs = this.#clock.now()
      for (let at = part; at < hosts.length; at += parts) await this.#beatOne(hosts[at] ?? '', atMs)
      await this.#clock.sleep(heartbeatMs / parts, this.#end.signal).catch(() => {})
    }
  }

  async #beatOne(host: string, atMs: number) {
    const uplink = this.#agents.get(host)?.uplink
    if (uplink === undefined) await this.#connect(host)
    else uplink.say({ say: 'heartbeat', atMs, usage: {} })
  }

  #door(host: string): AgentDoor {
    return {
      hello: () => ({ host, incarnation: host, version: 'simulated', have: {} }),
      down: (down) => this.#down(host, down),
      ask: async (ask) => answer(ask),
      open: async () => {
        throw new Problem('guest/absent', { machine: 'simulated' })
      },
    }
  }

  #down(host: string, down: Down) {
    if (down.say !== 'wish') return
    const document = down.wish.document as unknown as Document
    this.#clock.after(wishMs, () => this.#report(host, document))
  }

  #report(host: string, document: Document) {
    const agent = this.#agents.get(host)
    const said = lightStatus(document)
    const kind = kindNamed(document.kind)
    if (agent?.uplink === undefined || said === undefined || kind === undefined) return
    const { id, generation } = document
    const status = { ...kind.status.parse({}), ...said } as Json
    agent.sequence += 1
    agent.uplink.say({ say: 'report', sequence: agent.sequence, kind: document.kind, id, generation, status })
  }
}

const onePixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const answer = ({ ask }: Ask): Uint8Array =>
  ask === 'screenshot'
    ? onePixel
    : ask === 'log'
      ? Buffer.from('A simulated guest says nothing.\r\n')
      : new Uint8Array()
