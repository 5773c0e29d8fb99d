/** The agent's end: HTTP/2 server on the connection that it opened itself. */

import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { Problem } from '#model/problem.ts'
import type { AgentDoor, Up, Uplink } from '../port.ts'
import { askBytes } from './bounds.ts'
import { join } from './channel.ts'
import { askFrom, downFrom, openFrom, problemWords, verdictFrom } from './door.ts'
import { breakOff, endTelling, Incoming, withEnding } from './ending.ts'
import { bodyOf, linesOf, parsed, writeLine } from './lines.ts'

export type Verdict = 'welcome' | 'refused' | 'lost'

export class AgentEnd implements Uplink {
  readonly closed: Promise<void>
  /** What the controller says to this agent. One that shuts the door before asking anything distrusts it. */
  readonly verdict: Promise<Verdict>
  readonly #http: ServerHttp2Session
  readonly #door: AgentDoor
  readonly #decide: (verdict: Verdict) => void
  #stream: ServerHttp2Stream | undefined

  constructor(http: ServerHttp2Session, door: AgentDoor) {
    this.#http = http
    this.#door = door
    this.closed = new Promise((resolve) => http.once('close', resolve))
    const { promise, resolve } = Promise.withResolvers<Verdict>()
    this.verdict = promise
    this.#decide = resolve
    http.on('stream', (stream, headers) => void this.#serve(stream, headers))
    void this.closed.then(() => resolve(this.#stream === undefined ? 'refused' : 'lost'))
  }

  say(up: Up) {
    if (this.#stream !== undefined && !writeLine(this.#stream, up)) this.close()
  }

  close() {
    breakOff(this.#http)
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    stream.on('error', () => {})
    try {
      await this.#route(stream, headers)
    } catch (error) {
      refuse(stream, error)
    }
  }

  async #route(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    if (headers[':path'] === '/link' && this.#stream === undefined) return this.#greet(stream)
    if (this.#stream === undefined) throw new Problem('request/not-found')
    if (headers[':path'] === '/ask') return this.#ask(stream)
    if (headers[':path'] === '/open') return this.#open(stream, headers['decant-open'])
    throw new Problem('request/not-found')
  }

  async #greet(stream: ServerHttp2Stream) {
    this.#stream = stream
    stream.once('close', () => this.close())
    stream.respond({ ':status': 200 })
    writeLine(stream, this.#door.hello())
    const lines = linesOf(stream)
    const { say } = verdictFrom(await this.#next(lines))
    this.#decide(say)
    // Whoever awaits `connect` has its uplink before the first down.
    await new Promise((resolve) => setImmediate(resolve))
    for (let line = await this.#next(lines); line !== undefined; line = await this.#next(lines)) {
      this.#door.down(downFrom(line))
    }
    this.close()
  }

  /** The next line; the end of the connection, and what cannot be read, close it. */
  async #next(lines: AsyncGenerator<unknown, undefined>): Promise<unknown> {
    try {
      return (await lines.next()).value
    } catch {
      this.close()
      return undefined
    }
  }

  async #ask(stream: ServerHttp2Stream) {
    const { bytes } = new Incoming(stream, 'controller')
    const ask = askFrom(parsed(await bodyOf(bytes, askBytes)))
    const answer = await this.#door.ask(ask)
    if (!stream.closed) reply(stream, 200, answer)
  }

  async #open(stream: ServerHttp2Stream, words: string | string[] | undefined) {
    const incoming = new Incoming(stream, 'controller')
    const open = openFrom(parsed(Buffer.from(decodeURIComponent(String(words)))))
    const inner = await this.#door.open(open)
    if (stream.closed) return inner.close()
    stream.respond({ ':status': 200 }, withEnding)
    join(stream, incoming, inner)
  }
}

function refuse(stream: ServerHttp2Stream, error: unknown) {
  if (stream.closed || stream.headersSent) stream.destroy()
  else reply(stream, 409, Buffer.from(JSON.stringify(problemWords(error))))
}

function reply(stream: ServerHttp2Stream, status: number, bytes: Uint8Array) {
  stream.respond({ ':status': status }, withEnding)
  stream.write(bytes)
  void endTelling(stream, bytes.length)
}
