/** Console tickets (I-28): one machine, one person, one use, thirty seconds; only a hash is kept, in memory. */

import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Identity } from './identity.ts'
import { newSecret, sha256 } from './secrets.ts'

export type ConsoleType = 'serial' | 'vnc'

export type Ticket = {
  readonly kind: string
  readonly id: string
  readonly type: ConsoleType
  readonly identity: Identity
  /** Who the credential that asked for it proves now; rejects, or gives nothing, once it proves nobody. */
  readonly proven: () => Promise<Identity | undefined>
  readonly expiresAt: number
}

const mostTickets = 10_000
/** One person's at a time; so many consoles nobody opens within half a minute, and others find room (I-46). */
const mostOfOne = 256

export class Tickets {
  readonly #tickets = new Map<string, Ticket>()
  readonly #monotonic: () => number

  /** `monotonic`: milliseconds that never go back; a ticket must not outlive a jump of the clock. */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  issue(ticket: Omit<Ticket, 'expiresAt'>): string {
    this.#forgetOld()
    if (this.#tickets.size >= mostTickets)
      throw new Problem('request/too-many', { limit: mostTickets, what: 'tickets' })
    const { user } = ticket.identity.principal
    const own = [...this.#tickets.values()].filter(({ identity }) => identity.principal.user === user)
    if (own.length >= mostOfOne) throw new Problem('request/too-many', { limit: mostOfOne, what: 'tickets' })
    const secret = newSecret()
    this.#tickets.set(sha256(secret), { ...ticket, expiresAt: this.#monotonic() + limits.ticketMs })
    return secret
  }

  /** Uses a ticket up; undefined when it is unknown, used or too old. */
  redeem(secret: string): Ticket | undefined {
    const hash = sha256(secret)
    const ticket = this.#tickets.get(hash)
    this.#tickets.delete(hash)
    return ticket !== undefined && ticket.expiresAt > this.#monotonic() ? ticket : undefined
  }

  #forgetOld() {
    const now = this.#monotonic()
    for (const [hash, { expiresAt }] of this.#tickets) if (expiresAt <= now) this.#tickets.delete(hash)
  }
}
