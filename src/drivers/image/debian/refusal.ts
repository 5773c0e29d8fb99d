/** What the intake says when it does not take something in. */

import type { Datastore } from '#drivers/datastore/port.ts'
import { Problem } from '#model/problem.ts'

/** Room that an image leaves for the machines that already run on the datastore. */
export const reserveBytes = 64 * 1024 * 1024

export const refused = (why: string) => new Problem('image/refused', { why })

/** Problem `datastore/full` when so many bytes more would not leave the others their room. */
export async function checkRoom(into: Datastore, moreBytes: number): Promise<number> {
  const { freeBytes } = await into.look()
  const neededBytes = moreBytes + reserveBytes
  if (freeBytes < neededBytes)
    throw new Problem('datastore/full', { datastore: into.name, freeBytes, neededBytes })
  return freeBytes - reserveBytes
}

export function fullOr(error: unknown, into: Datastore): unknown {
  const isFull = error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOSPC'
  if (!isFull) return error
  const facts = { datastore: into.name, freeBytes: 0, neededBytes: 1 }
  return new Problem('datastore/full', facts, { cause: error })
}
