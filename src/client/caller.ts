/**
 * One call to the API: address, headers, deadline, one more try for what may be repeated, and every
 * refusal as a `Problem`.
 */

import { Problem, story } from '#model/problem.ts'
import type { Language } from '#model/sentence.ts'
import { withQuery, type Query } from './addresses.ts'
import { refusalFrom } from './refusal.ts'

export type Access = {
  /** Origin of the server, such as `http://127.0.0.1:7420`. */
  readonly url: string
  /** Absent in a browser that has a session cookie. */
  readonly token?: string
  readonly language?: Language
  /** Sent with each call, such as the console's `x-decant-csrf`. */
  readonly headers?: Readonly<Record<string, string>>
  readonly fetch?: typeof globalThis.fetch
}

export type Ask = {
  readonly method?: 'HEAD' | 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly query?: Query | undefined
  readonly json?: unknown
  readonly body?: RequestInit['body']
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until the answer's headers must be there; 0: however long it takes. */
  readonly timeoutMs?: number
}

const callMs = 30_000
const againMs = 300

/** A key under which the server acts once, however often the request arrives (I-21). */
export const freshKey = () => globalThis.crypto.randomUUID()

export class Caller {
  readonly access: Access

  constructor(access: Access) {
    this.access = access
  }

  async json(path: string, ask: Ask = {}): Promise<unknown> {
    const response = await this.call(path, ask)
    const text = await this.#body(response)
    if (text === '') return undefined
    return parsed(text)
  }

  /** Resolves once the headers are there and say that it went well. */
  async call(path: string, ask: Ask = {}): Promise<Response> {
    const response = await this.#patiently(path, ask)
    if (response.ok) return response
    const text = await this.#body(response)
    throw refusalFrom(response.status, jsonOrNothing(text))
  }

  // A call that acts once may be sent again when its answer was lost; a refused connection says
  // that nobody is there, and a body that streams cannot be sent twice.
  async #patiently(path: string, ask: Ask): Promise<Response> {
    const isRepeatable =
      ask.body === undefined &&
      ((ask.method ?? 'GET') === 'GET' || ask.headers?.['idempotency-key'] !== undefined)
    try {
      return await this.#once(path, ask)
    } catch (error) {
      const isOver = ask.signal?.aborted === true || error instanceof Problem || isNobodyThere(error)
      if (!isRepeatable || isOver) throw this.#unreachable(error, ask)
    }
    await new Promise((resolve) => setTimeout(resolve, againMs))
    try {
      return await this.#once(path, ask)
    } catch (error) {
      throw this.#unreachable(error, ask)
    }
  }

  #once(path: string, ask: Ask): Promise<Response> {
    const { access } = this
    const send = access.fetch ?? globalThis.fetch
    const deadline = ask.timeoutMs === 0 ? [] : [AbortSignal.timeout(ask.timeoutMs ?? callMs)]
    const signals = [...deadline, ...(ask.signal === undefined ? [] : [ask.signal])]
    const body = ask.json === undefined ? ask.body : JSON.stringify(ask.json)
    return send(new URL(withQuery(path, ask.query), access.url), {
      method: ask.method ?? 'GET',
      redirect: 'error',
      headers: {
        accept: 'application/json, application/problem+json',
        'accept-language': access.language ?? 'en',
        ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
        ...(ask.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...access.headers,
        ...ask.headers,
      },
      signal: AbortSignal.any(signals),
      ...(body === undefined || body === null ? {} : { body }),
      ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
    })
  }

  async #body(response: Response): Promise<string> {
    try {
      return await response.text()
    } catch (error) {
      throw this.#unreachable(error, {})
    }
  }

  #unreachable(error: unknown, ask: Ask): unknown {
    if (error instanceof Problem || ask.signal?.aborted === true) return error
    const why = error instanceof Error && error.name === 'TimeoutError' ? 'no answer in time' : plainly(error)
    return new Problem('start/unreachable', { url: this.access.url, why }, { cause: error })
  }
}

const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error &&
  ((error as { code?: unknown }).code === 'ECONNREFUSED' || isNobodyThere(error.cause))

/** The innermost cause: `fetch failed` says nothing. */
const plainly = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? plainly(error.cause) : story(error)

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function parsed(text: string): unknown {
  const value = jsonOrNothing(text)
  if (value === undefined) throw new Problem('answer/strange', { why: 'the body is not JSON' })
  return value
}
