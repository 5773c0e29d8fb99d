/** The controller's end: HTTP/2 client on a connection that the agent opened and proved its name on. */

import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { Problem } from '#model/problem.ts'
import type { Ask, ByteChannel, Down, Hello, Open, Session, Up } from '../port.ts'
import { answerBytes, askBytes } from './bounds.ts'
import { StreamChannel } from './channel.ts'
import { problemFrom, upFrom } from './door.ts'
import { breakOff, endTelling, Incoming, withEnding } from './ending.ts'
import { bodyOf, parsed, writeLine } from './lines.ts'

/** The longest that a timer of Node can be set for. */
const longestMs = 2 ** 31 - 1

export type Greeted = {
  readonly http: ClientHttp2Session
  readonly stream: ClientHttp2Stream
  readonly hello: Hello
  /** What follows the hello. */
  readonly lines: AsyncGenerator<unknown, undefined>
}

export class ControllerEnd implements Session {
  readonly hello: Hello
  readonly ups: AsyncIterable<Up>
  readonly closed: Promise<void>
  readonly #greeted: Greeted

  constructor(greeted: Greeted) {
    this.#greeted = greeted
    this.hello = greeted.hello
    this.ups = this.#read()
    this.closed = new Promise((resolve) => greeted.http.once('close', resolve))
    greeted.stream.once('close', () => breakOff(greeted.http))
  }

  send(down: Down) {
    if (!writeLine(this.#greeted.stream, down)) this.close()
  }

  async ask(ask: Ask, timeoutMs: number): Promise<Uint8Array> {
    const stream = this.#request('/ask')
    const incoming = new Incoming(stream, this.hello.host)
    let isLate = false
    const timer = setTimeout(
      () => {
        isLate = true
        stream.destroy()
      },
      Math.min(timeoutMs, longestMs),
    )
    try {
      const body = Buffer.from(JSON.stringify(ask))
      stream.write(body)
      void endTelling(stream, body.length)
      return await this.#answer(stream, incoming)
    } catch (error) {
      if (isLate) throw new Problem('host/silent', { host: this.hello.host })
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async open(open: Open): Promise<ByteChannel> {
    const stream = this.#request('/open', { 'decant-open': encodeURIComponent(JSON.stringify(open)) })
    const incoming = new Incoming(stream, this.hello.host)
    await this.#accepted(stream, incoming)
    return new StreamChannel(stream, incoming)
  }

  close() {
    breakOff(this.#greeted.http)
  }

  /** Whatever the agent says that is no word of the link ends the session. */
  async *#read(): AsyncGenerator<Up, void> {
    try {
      for await (const line of this.#greeted.lines) yield upFrom(line)
    } catch {
      // The end of a session tells no reader why; what was not acknowledged comes again.
    } finally {
      this.close()
    }
  }

  #request(path: string, headers: IncomingHttpHeaders = {}): ClientHttp2Stream {
    const { http } = this.#greeted
    if (http.destroyed || http.closed) throw this.#lost()
    const stream = http.request({ ':method': 'POST', ':path': path, ...headers }, withEnding)
    stream.on('error', () => {})
    return stream
  }

  async #answer(stream: ClientHttp2Stream, incoming: Incoming): Promise<Uint8Array> {
    await this.#accepted(stream, incoming)
    const body = await this.#body(stream, incoming, answerBytes)
    return new Uint8Array(body.buffer, body.byteOffset, body.length)
  }

  /** Resolves when the agent agrees; throws its problem when it does not. */
  async #accepted(stream: ClientHttp2Stream, incoming: Incoming): Promise<void> {
    const status = await new Promise<number | undefined>((resolve) => {
      stream.once('response', (headers) => resolve(headers[':status']))
      stream.once('close', () => resolve(undefined))
    })
    if (status === 200) return
    if (status === undefined) throw this.#lost()
    throw problemFrom(parsed(await this.#body(stream, incoming, askBytes)))
  }

  async #body(stream: ClientHttp2Stream, incoming: Incoming, limit: number): Promise<Buffer> {
    try {
      return await bodyOf(incoming.bytes, limit)
    } catch (error) {
      stream.destroy()
      throw error
    }
  }

  #lost() {
    return new Problem('link/lost', { peer: this.hello.host })
  }
}
