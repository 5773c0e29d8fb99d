/** What a QEMU streams into a file beside its guest's disks: no more than its memory can be, and never the others' last room. */

import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Problem } from '#model/problem.ts'

/** Guests whose store has no room left stand still: so much is left to them. */
export const reserveBytes = 256 * 2 ** 20
const lookEveryBytes = 16 * 2 ** 20
const mebibyte = 2 ** 20

/** A header for each page, and the devices with their own memory: screens, firmware. */
export const mostBytesOf = (memoryMib: number) => (memoryMib + memoryMib / 64 + 1024) * mebibyte

/** The pieces as they come. Problems `datastore/full`, `qmp/refused` when there are more than there can be. */
export async function* bounded(
  pieces: AsyncIterable<Uint8Array>,
  { file, mostBytes, freeBytes = freeAt }: Bound,
): AsyncGenerator<Uint8Array> {
  let [bytes, looked] = [0, 0]
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > mostBytes)
      throw new Problem('qmp/refused', { command: 'migrate', why: 'it gives more than its memory' })
    if (bytes - looked >= lookEveryBytes) {
      looked = bytes
      await checkRoom(file, freeBytes)
    }
    yield piece
  }
}

export type Bound = {
  readonly file: string
  readonly mostBytes: number
  readonly freeBytes?: (folder: string) => Promise<number>
}

export async function checkRoom(file: string, freeBytes = freeAt): Promise<void> {
  const free = await freeBytes(dirname(file))
  if (free < reserveBytes)
    throw new Problem('datastore/full', {
      datastore: 'for its memory',
      freeBytes: free,
      neededBytes: reserveBytes,
    })
}

async function freeAt(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
