/** A guest's memory as a snapshot kept it: one file, whole or not there at all. */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { sizeOf, type Place } from './place.ts'

const fileName = 'memory'

/** Takes the content in; gives its bytes. What ends early leaves nothing. */
export async function receiveMemory(
  place: Place,
  {
    snapshot,
    draft,
    content,
    signal,
  }: { snapshot: string; draft: string; content: AsyncIterable<Uint8Array>; signal: AbortSignal },
): Promise<number> {
  let bytes = 0
  {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
    await using file = await open(join(draft, fileName), flags, 0o600)
    for await (const piece of content) {
      signal.throwIfAborted()
      await file.write(piece)
      bytes += piece.length
    }
    await file.sync()
  }
  await place.publish(draft, 'memory', snapshot)
  return bytes
}

export async function memoryOf(place: Place, snapshot: string) {
  const file = place.path('memory', snapshot, fileName)
  const size = await sizeOf(file)
  return size === undefined ? null : { file, bytes: size.sizeBytes }
}
