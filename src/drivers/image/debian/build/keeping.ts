/** What a build may take: room that others need is left to them, kept packages do not pile up (I-31, I-48). */

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Datastore } from '#drivers/datastore/port.ts'
import { limits } from '#model/limits.ts'
import { checkRoom } from '../refusal.ts'

const lookMs = 5_000

/** Aborts with `datastore/full` as soon as the datastore has no more room than it must keep. */
export function watchRoom(into: Datastore): { readonly signal: AbortSignal; readonly end: () => void } {
  const low = new AbortController()
  const timer = setInterval(() => void checkRoom(into, 0).catch((fault: unknown) => low.abort(fault)), lookMs)
  return { signal: low.signal, end: () => clearInterval(timer) }
}

/** Removes packages that are old, and the oldest of those that are too many. */
export async function prunePackages(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.deb'))
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name))
      return { path: join(folder, name), size, mtimeMs }
    }),
  )
  let bytes = 0
  for (const { path, size, mtimeMs } of files.toSorted((one, other) => other.mtimeMs - one.mtimeMs)) {
    bytes += size
    const isOld = Date.now() - mtimeMs > limits.packageKeepMs
    if (isOld || bytes > limits.packageKeepBytes) await rm(path, { force: true })
  }
}
