/** How effects on one guest wait for each other: everything that changes a guest goes through its turn. */

import type { Guest } from './guest.ts'

/** Runs the work when all that was asked of this guest before has ended, and gives what it gives. */
export type InTurn = <T>(id: string, signal: AbortSignal, work: (guest: Guest) => Promise<T>) => Promise<T>
