/** Guests' memory as snapshots kept it: one file each, whole or not there at all. */

import { mkdir, rmdir, rm } from 'node:fs/promises'
import { sizeOf, type Place } from './place.ts'

const fileName = 'memory'

/** Makes the folder for it. The hypervisor writes beside the name and gives it at the end. */
export async function memoryPlaceOf(place: Place, snapshot: string): Promise<string> {
  await mkdir(place.path('memory', snapshot), { recursive: true, mode: 0o700 })
  return place.path('memory', snapshot, fileName)
}

export async function memoryOf(place: Place, snapshot: string) {
  const file = place.path('memory', snapshot, fileName)
  const size = await sizeOf(file)
  return size === undefined ? null : { file, bytes: size.sizeBytes }
}

/** What was being written when an earlier life of this program ended. */
export async function dropUnfinished(place: Place): Promise<void> {
  for (const snapshot of await place.list('memory')) {
    await rm(place.path('memory', snapshot, `${fileName}.part`), { force: true })
    if ((await memoryOf(place, snapshot)) === null)
      await rmdir(place.path('memory', snapshot)).catch(() => undefined)
  }
}
