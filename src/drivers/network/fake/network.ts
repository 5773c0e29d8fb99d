/** A network driver in memory: ports are numbers in a set, handed out in order. */

import type { Network } from '#drivers/network/port.ts'
import { Problem } from '#model/problem.ts'

/** The ports of a pretended host. It outlives every driver object that looks at it. */
export type FakePorts = {
  /** Ports that strangers hold, as `tcp/8080`. */
  readonly busy: Set<string>
  /** Ports of plugs, as `tcp/8080` → `guest/nic`. */
  readonly held: Map<string, string>
  /** Called before each effect; throw a problem to play a fault. */
  fault: ((operation: 'plug' | 'unplug', guest: string, nic: string) => void | Promise<void>) | undefined
}

export const newFakePorts = (): FakePorts => ({ busy: new Set(), held: new Map(), fault: undefined })

const firstPort = 20_000
const lastPort = 65_535

type Nic = Parameters<Network['plug']>[1]
type Before = Parameters<Network['plug']>[2]
type Forward = Nic['forwards'][number]

export class FakeNetwork implements Network {
  readonly name = 'fake'
  readonly #ports: FakePorts

  constructor(ports: FakePorts) {
    this.#ports = ports
  }

  async plug(guest: string, nic: Nic, before: Before) {
    await this.#ports.fault?.('plug', guest, nic.id)
    const holder = `${guest}/${nic.id}`
    this.#release(holder)
    try {
      const forwards = nic.forwards.map((forward) => this.#taken(forward, before, holder))
      const { id, mac, model, mtu, isLinkUp, isRestricted } = nic
      return { id, mac, model, mtu, isLinkUp, isRestricted, forwards, driver: 'user' as const }
    } catch (error) {
      this.#release(holder)
      throw error
    }
  }

  async unplug(guest: string, nic: string): Promise<void> {
    await this.#ports.fault?.('unplug', guest, nic)
    this.#release(`${guest}/${nic}`)
  }

  #taken(forward: Forward, before: Before, holder: string): Forward {
    const hostPort = forward.hostPort === 0 ? this.#free(forward, before) : forward.hostPort
    if (!this.#isFree(forward.protocol, hostPort)) throw new Problem('network/port-busy', { port: hostPort })
    this.#ports.held.set(`${forward.protocol}/${hostPort}`, holder)
    return { ...forward, hostPort }
  }

  #free({ protocol, guestPort }: Forward, before: Before): number {
    const kept = before.find((was) => was.guestPort === guestPort && was.protocol === protocol)
    if (kept !== undefined && this.#isFree(protocol, kept.hostPort)) return kept.hostPort
    let port = firstPort
    while (port < lastPort && !this.#isFree(protocol, port)) port += 1
    return port
  }

  #isFree(protocol: string, port: number) {
    const key = `${protocol}/${port}`
    return !this.#ports.busy.has(key) && !this.#ports.held.has(key)
  }

  #release(holder: string) {
    for (const [port, by] of this.#ports.held) if (by === holder) this.#ports.held.delete(port)
  }
}
