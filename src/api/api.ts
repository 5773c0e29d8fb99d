/** What every route of the API has at hand. */

import type { Socket } from 'node:net'
import type { Kind } from '#model/kind.ts'
import type { Desk } from '#program/desk.ts'
import type { Gate, Queues } from './gate.ts'
import type { Refusals } from './records.ts'
import type { Tally } from './tally.ts'
import type { Waiting } from './waiting.ts'
import type { Measures } from './measures.ts'
import type { Tickets } from './tickets.ts'
import type { Route } from './route.ts'

export type ApiOptions = {
  /** Host names (or `name:port`) under which this server may be called; all else is DNS rebinding. */
  readonly allowedHosts: readonly string[]
  /** Whether people reach it by TLS: cookies become Secure. True by itself when `tls` is given. */
  readonly isSecure?: boolean
  readonly tls?: { readonly key: string; readonly cert: string }
  /** SHA-256 in hex of the bearer token of the local administrator; null: there is none. */
  readonly localTokenHash: string | null
  /** Whether a connection may speak to us at all; one that may not is cut. All may where this is absent. */
  readonly isWelcome?: (socket: Socket) => Promise<boolean>
  /** One line for the log; never holds a secret. */
  readonly log?: (line: string) => void
}

export type Room = {
  readonly desk: Desk
  readonly kinds: readonly Kind[]
  readonly options: ApiOptions
  readonly isSecure: boolean
  readonly log: (line: string) => void
  readonly routes: readonly Route[]
  readonly gate: Gate
  readonly queues: Queues
  readonly refusals: Refusals
  readonly tally: Tally
  readonly waiting: Waiting
  readonly measures: Measures
  readonly tickets: Tickets
  /** Ends when the API closes. */
  readonly closing: AbortSignal
}
