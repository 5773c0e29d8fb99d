/** A link within one process, under any clock: for the simulator and for tests. No timer of its own. */

import type { Clock } from '#drivers/clock/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { AgentDoor, Down, LinkClient, LinkServer, Session, Up, Uplink } from '../port.ts'
import { Connection } from './connection.ts'
import type { Faults, Way } from './faults.ts'

export type MemoryLink = {
  readonly server: LinkServer
  /** The way in of one host; a hello of another name is `link/refused`. */
  client(host: string): LinkClient
  /** Ends the living connections of one host, or of all, as a pulled cable would. */
  cut(host?: string): void
}

type Kept = { readonly way: Way; readonly message: Down | Up }

class Network implements MemoryLink {
  readonly server: LinkServer
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #connections = new Map<Connection, string>()
  readonly #kept = new Map<string, Kept[]>()
  #call: ((session: Session) => void) | undefined
  #isOpen = true

  constructor(clock: Clock, faults: Faults) {
    this.#clock = clock
    this.#faults = faults
    this.server = {
      name: 'memory',
      onSession: (call) => {
        this.#call = call
      },
      close: async () => {
        this.#isOpen = false
        this.cut()
      },
    }
  }

  client(host: string): LinkClient {
    return { name: 'memory', connect: (door, signal) => this.#connect(host, door, signal) }
  }

  cut(host?: string) {
    for (const [connection, of] of this.#connections) {
      if (host === undefined || host === of) connection.end()
    }
  }

  #connect(host: string, door: AgentDoor, signal: AbortSignal): Promise<Uplink> {
    const hello = door.hello()
    const fate = this.#faults.connect?.(host) ?? 'pass'
    if (hello.host !== host) return Promise.reject(new Problem('link/refused', { host: hello.host }))
    if (fate === 'hang') return this.#hang(signal)
    if (!this.#isOpen || signal.aborted || fate === 'refuse' || this.#call === undefined) {
      return Promise.reject(lost())
    }
    const connection = new Connection({
      clock: this.#clock,
      door,
      hello,
      fate: (way, passing) => this.#faults.message?.(way, host, passing) ?? 'pass',
      again: (way, message) => this.#keep(host, { way, message }),
    })
    this.#admit(host, connection)
    return Promise.resolve(connection.uplink)
  }

  #admit(host: string, connection: Connection) {
    this.#connections.set(connection, host)
    void connection.session.closed.then(() => this.#connections.delete(connection))
    const repeats = this.#kept.get(host) ?? []
    this.#kept.delete(host)
    for (const { way, message } of repeats) {
      if (way === 'down') connection.send(message as Down)
      else connection.say(message as Up)
    }
    this.#call?.(connection.session)
    // One microtask for whoever awaits `connect`, so that no down arrives before its uplink.
    queueMicrotask(() => queueMicrotask(() => connection.start()))
  }

  #keep(host: string, kept: Kept) {
    this.#kept.set(host, [...(this.#kept.get(host) ?? []), kept])
  }

  async #hang(signal: AbortSignal): Promise<never> {
    await this.#clock.sleep(limits.hostSilentMs, signal).catch(() => undefined)
    throw lost()
  }
}

const lost = () => new Problem('link/lost', { peer: 'controller' })

/** Sessions and uplinks that share nothing but what the faults let pass. */
export function memoryLink(clock: Clock, faults: Faults = {}): MemoryLink {
  return new Network(clock, faults)
}
