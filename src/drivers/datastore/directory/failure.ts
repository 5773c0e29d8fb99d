/** Turns what the file system and the tools complain of into the problems of a datastore. */

import { statfs } from 'node:fs/promises'
import { inert } from '#base/text.ts'
import { Bug } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'

const isFull = (error: Error) =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '') ||
  /No space left on device|Disk quota exceeded/.test(error.message)

export const failed = (datastore: string, why: string, cause?: unknown) =>
  new Problem('datastore/failed', { datastore, why }, { cause })

export const freeBytesOf = async (folder: string) => {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

type Around = {
  readonly datastore: string
  readonly folder: string
  readonly neededBytes?: number
  readonly signal?: AbortSignal
}

/** Does the work; whatever the world refuses comes out as a problem, an abort as the signal's reason. */
export async function translated<T>(around: Around, work: () => Promise<T>): Promise<T> {
  try {
    around.signal?.throwIfAborted()
    return await work()
  } catch (error) {
    around.signal?.throwIfAborted()
    throw await problemFor(around, error)
  }
}

/** What anything made here takes at the least: a few blocks, rounded up. */
const leastBytes = 1_048_576

async function problemFor(
  { datastore, folder, neededBytes = leastBytes }: Around,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof Error) || error instanceof Bug) return error
  if (isFull(error)) {
    const freeBytes = await freeBytesOf(folder).catch(() => 0)
    return new Problem('datastore/full', { datastore, freeBytes, neededBytes }, { cause: error })
  }
  if (error instanceof Problem && error.code !== 'tool/failed') return error
  return failed(datastore, inert(error.message).slice(0, 400), error)
}
