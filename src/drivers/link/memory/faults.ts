/** What can go wrong on a simulated link, decided by the simulator for each message. */

import type { Ask, Down, Open, Up } from '../port.ts'

export type Way = 'down' | 'up'

/** What is about to pass: a message, the answer to an ask, or bytes of an open channel. */
export type Passing = Down | Up | Ask | Open | { readonly answer: number } | { readonly bytes: number }

/**
 * - `cut`: the connection ends and this message is lost; so is all that is under way.
 * - `cut-after`: it arrives, then the connection ends before anything could acknowledge it.
 * - `silence`: nothing passes this way any more; after `limits.hostSilentMs` the connection ends.
 * - `repeat`: it arrives, and once more at the beginning of the host's next connection (downs and ups only).
 * - `lateMs`: it arrives that much later, and nothing overtakes it.
 *
 * A single message is never lost alone: the link is a reliable stream.
 */
export type Fate = 'pass' | 'cut' | 'cut-after' | 'silence' | 'repeat' | { readonly lateMs: number }

export type Faults = {
  /** `refuse` fails at once; `hang` when the bound for silence has passed or the signal aborts. */
  readonly connect?: (host: string) => 'pass' | 'refuse' | 'hang'
  readonly message?: (way: Way, host: string, passing: Passing) => Fate
}
