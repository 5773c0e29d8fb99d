/**
 * QEMU's user-mode network: nothing is made on the host, QEMU itself listens on the forwarded ports.
 * This driver chooses those ports. Between the choice and QEMU's listening it holds them in memory, so
 * that no two guests of this host are given the same one (I-27).
 */

import type { Network } from '#drivers/network/port.ts'
import { Problem } from '#model/problem.ts'
import { tryPort } from './ports.ts'

type Nic = Parameters<Network['plug']>[1]
type Before = Parameters<Network['plug']>[2]
type Forward = Nic['forwards'][number]
type Hold = Pick<Forward, 'protocol' | 'address' | 'hostPort'>

/** How often a free port is asked for before giving up: each miss is a port held here but not yet used. */
const tries = 100
const everyAddress = '0.0.0.0'

/**
 * `reserved`: TCP ports that no guest is given, free or not. The controller's own is one: whoever listened there
 * while it is down would be handed the secrets of those who come to it.
 */
export const openUserNetwork = (reserved: readonly number[] = []): Network => new UserNetwork(reserved)

const overlaps = (a: Hold, b: Hold) =>
  a.protocol === b.protocol &&
  a.hostPort === b.hostPort &&
  (a.address === b.address || a.address === everyAddress || b.address === everyAddress)

class UserNetwork implements Network {
  readonly name = 'user'
  /** `guest/nic` → the ports it was given. */
  readonly #held = new Map<string, Hold[]>()
  readonly #reserved: readonly number[]

  constructor(reserved: readonly number[]) {
    this.#reserved = reserved
  }

  async plug(guest: string, nic: Nic, before: Before) {
    const holder = `${guest}/${nic.id}`
    const held: Hold[] = []
    this.#held.set(holder, held)
    try {
      const forwards: Forward[] = []
      for (const forward of nic.forwards) forwards.push(await this.#given(forward, before, held))
      const { id, mac, model, mtu, isLinkUp, isRestricted } = nic
      return { id, mac, model, mtu, isLinkUp, isRestricted, forwards, driver: 'user' as const }
    } catch (error) {
      if (this.#held.get(holder) === held) this.#held.delete(holder)
      throw error
    }
  }

  async unplug(guest: string, nic: string): Promise<void> {
    this.#held.delete(`${guest}/${nic}`)
  }

  async #given(forward: Forward, before: Before, held: Hold[]): Promise<Forward> {
    const hostPort =
      forward.hostPort === 0
        ? ((await this.#again(forward, before, held)) ?? (await this.#fresh(forward, held)))
        : await this.#take(forward, forward.hostPort, held)
    return { ...forward, hostPort }
  }

  /** The port of before, if it is still free. */
  async #again(forward: Forward, before: Before, held: Hold[]): Promise<number | undefined> {
    const was = before.find(
      ({ guestPort, protocol }) => guestPort === forward.guestPort && protocol === forward.protocol,
    )
    if (was === undefined || was.hostPort === 0) return undefined
    try {
      return await this.#take(forward, was.hostPort, held)
    } catch (error) {
      if (error instanceof Problem) return undefined
      throw error
    }
  }

  async #fresh(forward: Forward, held: Hold[]): Promise<number> {
    const { protocol, address } = forward
    for (let attempt = 0; attempt < tries; attempt++) {
      const hostPort = await tryPort(protocol, address, 0).catch((error: unknown) => {
        throw refusal(error, forward, 0)
      })
      if (this.#hold({ protocol, address, hostPort }, held)) return hostPort
    }
    throw new Problem('network/port-busy', { port: 0 })
  }

  async #take(forward: Forward, hostPort: number, held: Hold[]): Promise<number> {
    const hold = { protocol: forward.protocol, address: forward.address, hostPort }
    // Held before it is tried: between the two another plug could have chosen it.
    if (!this.#hold(hold, held)) throw new Problem('network/port-busy', { port: hostPort })
    try {
      return await tryPort(forward.protocol, forward.address, hostPort)
    } catch (error) {
      held.splice(held.indexOf(hold), 1)
      throw refusal(error, forward, hostPort)
    }
  }

  #hold(hold: Hold, held: Hold[]): boolean {
    const isHeld = [...this.#held.values(), held].some((holds) =>
      holds.some((other) => overlaps(other, hold)),
    )
    const isOpen = !isHeld && !(hold.protocol === 'tcp' && this.#reserved.includes(hold.hostPort))
    if (isOpen) held.push(hold)
    return isOpen
  }
}

function refusal(error: unknown, { address }: Forward, port: number): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  if (code === 'EADDRINUSE') return new Problem('network/port-busy', { port }, { cause: error })
  if (code === 'EACCES') return new Problem('network/port-forbidden', { port }, { cause: error })
  if (code === 'EADDRNOTAVAIL') return new Problem('network/address-absent', { address }, { cause: error })
  return error
}
