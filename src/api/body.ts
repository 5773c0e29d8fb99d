/** Bodies, read strictly: bounded in size, depth and time, well-formed UTF-8, then JSON. */

import type { FastifyInstance } from 'fastify'
import type { Readable } from 'node:stream'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'

const bodyMs = 30_000

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * All bytes of a body; problem when they are too many or too slow. What is left of a refused body flows away
 * unread, so that the answer still reaches whoever is sending.
 */
function collected(body: Readable, declared: number): Promise<Buffer> {
  const limit = limits.bodyBytes
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const refuse = (problem: Problem) => {
      finish()
      body.resume()
      reject(problem)
    }
    const take = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limit) refuse(new Problem('request/too-large', { limit }))
      else chunks.push(chunk)
    }
    const done = () => {
      finish()
      resolve(Buffer.concat(chunks))
    }
    const cut = () => refuse(new Problem('request/malformed', { why: 'the body was cut off' }))
    const late = () => refuse(new Problem('request/malformed', { why: 'the body did not arrive in time' }))
    const timer = setTimeout(late, bodyMs)
    const finish = () => {
      clearTimeout(timer)
      body.off('data', take).off('end', done).off('error', cut).off('close', cut)
      body.on('error', () => {})
    }
    if (declared > limit) refuse(new Problem('request/too-large', { limit }))
    else body.on('data', take).on('end', done).on('error', cut).on('close', cut)
  })
}

/** Refuses nesting before the parser sees it. Braces inside texts do not count. */
export function checkDepth(bytes: Uint8Array, limit: number = limits.bodyDepth) {
  let [depth, isText] = [0, false]
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (isText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) isText = false
    } else if (byte === 0x22) isText = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > limit) throw new Problem('request/too-deep', { limit })
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
}

export function jsonFrom(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined
  checkDepth(bytes)
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch (cause) {
    throw new Problem('request/malformed', { why: 'the body is not JSON' }, { cause })
  }
}

function formFrom(bytes: Uint8Array): unknown {
  try {
    return Object.fromEntries(new URLSearchParams(utf8.decode(bytes)))
  } catch (cause) {
    throw new Problem('request/malformed', { why: 'the form is not UTF-8' }, { cause })
  }
}

/** Teaches the server the media types that any route takes; `unread` bodies are left to their route. */
export function takeBodies(server: FastifyInstance) {
  server.removeAllContentTypeParsers()
  const parsers: readonly (readonly [string, (bytes: Uint8Array) => unknown])[] = [
    ['application/json', jsonFrom],
    ['application/merge-patch+json', jsonFrom],
    ['application/x-www-form-urlencoded', formFrom],
  ]
  for (const [type, parse] of parsers) {
    server.addContentTypeParser(
      type,
      async (request: { headers: Record<string, unknown> }, payload: Readable) =>
        parse(await collected(payload, Number(request.headers['content-length'] ?? 0))),
    )
  }
  server.addContentTypeParser(
    'application/octet-stream',
    async (_request: unknown, payload: Readable) => payload,
  )
}

/** Whether a body of this media type is one that a route takes; problem `request/media-type` if not. */
export function checkMediaType(header: string | undefined, takes: 'json' | 'form' | 'bytes' | undefined) {
  if (header === undefined) return
  const type = header.split(';')[0]?.trim().toLowerCase() ?? ''
  const isTaken =
    takes === undefined ||
    (takes === 'json' && (type === 'application/json' || type === 'application/merge-patch+json')) ||
    (takes === 'form' && (type === 'application/x-www-form-urlencoded' || type === 'application/json')) ||
    (takes === 'bytes' && type === 'application/octet-stream')
  if (!isTaken) throw new Problem('request/media-type', { type: type.slice(0, 64) })
}
