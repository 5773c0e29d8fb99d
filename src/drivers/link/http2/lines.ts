/** JSON, one value a line, in and out of a stream; bounded and checked, whatever the other side sends. */

import type { Duplex, Readable } from 'node:stream'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { lineBytes, queueBytes } from './bounds.ts'

/** Documents nest less than a request may; the line's own wrapping adds three. */
const depth = limits.bodyDepth + 4

/** Pieces of one line kept apart before they are joined: bounds what one-byte frames cost. */
const pieces = 1024

const newline = 10
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const isShallow = (value: unknown, left = depth): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (left > 0 && Object.values(value).every((inner) => isShallow(inner, left - 1)))

/** The value of a text. Problem `request/malformed` or `request/too-deep`. */
export function parsed(bytes: Uint8Array): unknown {
  const value = read(bytes)
  if (!isShallow(value)) throw new Problem('request/too-deep', { limit: depth })
  return value
}

function read(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new Problem('request/malformed', { why: 'no JSON' }, { cause })
  }
}

/** Each line's value. Problems of `parsed`, `request/too-large`; the stream's own errors as they are. */
export async function* linesOf(stream: Readable): AsyncGenerator<unknown, undefined> {
  let parts: Uint8Array[] = []
  let held = 0
  const hold = (part: Uint8Array) => {
    held += part.length
    if (held > lineBytes) throw new Problem('request/too-large', { limit: lineBytes })
    parts.push(part)
    if (parts.length > pieces) parts = [Buffer.concat(parts)]
  }
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      hold(chunk.subarray(start, end))
      yield parsed(Buffer.concat(parts))
      parts = []
      held = 0
      start = end + 1
    }
    hold(chunk.subarray(start))
  }
  return undefined
}

/** Writes one line; false when the peer is too far behind. Problem `request/too-large`. */
export function writeLine(stream: Duplex, message: unknown): boolean {
  const line = `${JSON.stringify(message)}\n`
  if (Buffer.byteLength(line) > lineBytes) throw new Problem('request/too-large', { limit: lineBytes })
  if (!stream.writable) return true
  stream.write(line)
  return stream.writableLength <= queueBytes
}

/** What comes until the end, if it is no longer than `limit` bytes. Problem `request/too-large`. */
export async function bodyOf(incoming: AsyncIterable<Buffer>, limit: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of incoming) {
    size += chunk.length
    if (size > limit) throw new Problem('request/too-large', { limit })
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
