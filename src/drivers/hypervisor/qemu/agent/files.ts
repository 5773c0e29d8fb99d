/** Files in a guest, read and written through its agent in parts. */

import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { Conversation } from './conversation.ts'

/** One part; as base64 it stays well below the bound of an answer. */
const partBytes = 1_048_576
const base64 = /^[A-Za-z0-9+/]*={0,2}$/

async function openFile(talk: Conversation, path: string, mode: 'r' | 'w'): Promise<number> {
  const handle = await talk.ask({ execute: 'guest-file-open', arguments: { path, mode: `${mode}b` } })
  if (typeof handle !== 'number') throw talk.nonsense('a file has no handle')
  return handle
}

/** The file's bytes; problem `request/too-large` when there are more. The file is closed however reading ends. */
export async function* readAll(
  talk: Conversation,
  path: string,
  mostBytes: number,
): AsyncGenerator<Uint8Array> {
  const handle = await openFile(talk, path, 'r')
  try {
    for (let left = mostBytes; left > 0;) {
      const count = Math.min(partBytes, left)
      const read = await talk.ask({ execute: 'guest-file-read', arguments: { handle, count } })
      const part = bytesFrom(talk, isObject(read) ? read['buf-b64'] : undefined).subarray(0, count)
      if (part.length > 0) yield part
      left -= part.length
      if (part.length === 0 || (isObject(read) && read['eof'] === true)) return
    }
    // A part must not pass for the whole.
    throw new Problem('request/too-large', { limit: mostBytes })
  } finally {
    await closeFile(talk, handle)
  }
}

export async function writeAll(talk: Conversation, path: string, content: AsyncIterable<Uint8Array>) {
  const handle = await openFile(talk, path, 'w')
  try {
    for await (const bytes of content)
      for (let at = 0; at < bytes.length; at += partBytes)
        await writePart(talk, handle, bytes.subarray(at, at + partBytes))
    await talk.ask({ execute: 'guest-file-flush', arguments: { handle } })
  } finally {
    await closeFile(talk, handle)
  }
}

async function writePart(talk: Conversation, handle: number, part: Uint8Array) {
  for (let at = 0; at < part.length;) {
    const rest = part.subarray(at)
    const said = await talk.ask({
      execute: 'guest-file-write',
      arguments: { handle, 'buf-b64': Buffer.from(rest).toString('base64') },
    })
    const count = isObject(said) ? said['count'] : undefined
    if (typeof count !== 'number' || !(count > 0) || count > rest.length)
      throw talk.nonsense('it wrote nothing')
    at += count
  }
}

/** A handle that stays open costs the guest, not us; what went wrong before is the news. */
const closeFile = (talk: Conversation, handle: number) =>
  talk.ask({ execute: 'guest-file-close', arguments: { handle } }).catch(() => undefined)

export function bytesFrom(talk: Conversation, value: unknown): Buffer {
  if (value === undefined) return Buffer.alloc(0)
  if (typeof value !== 'string' || !base64.test(value)) throw talk.nonsense('bytes are no base64')
  return Buffer.from(value, 'base64')
}
