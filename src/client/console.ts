/** A console of a machine: bytes both ways over a WebSocket, opened with a ticket that serves once (I-28). */

import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { part } from './addresses.ts'
import { objectFrom } from './answers.ts'
import type { Client } from './client.ts'

export type ConsoleType = 'serial' | 'vnc'

export type Console = {
  /** Ends when the connection does. */
  readonly bytes: AsyncIterable<Uint8Array>
  write(bytes: Uint8Array): void
  close(): void
  /** Why it ended, in the server's words; resolves once it has. */
  readonly closed: Promise<string>
}

type Opening = {
  readonly kind: Kind
  readonly name: string
  readonly type: ConsoleType
  readonly project?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Where a console can be reached for the next seconds, once. */
export async function consoleTicket(client: Client, { kind, name, type, project }: Opening): Promise<URL> {
  const answer = await client.caller.json(part(kind, name, 'consoles'), {
    method: 'POST',
    query: { project },
    json: { type },
  })
  const { ticket, address } = objectFrom(answer)
  const path =
    typeof address === 'string' ? address : `/api/v1/console?ticket=${encodeURIComponent(String(ticket))}`
  const url = new URL(path, client.caller.access.url)
  url.protocol = url.protocol.replace('http', 'ws')
  return url
}

export async function openConsole(client: Client, opening: Opening): Promise<Console> {
  const url = await consoleTicket(client, opening)
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const closed = new Promise<string>((resolve) => {
    socket.addEventListener('close', ({ reason, code }) => resolve(reason === '' ? `code ${code}` : reason))
  })
  const bytes = arrivals(socket)
  await opened(socket, url, opening.signal)
  return {
    bytes,
    closed,
    write: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
  }
}

const opened = (socket: WebSocket, url: URL, signal: AbortSignal | undefined) =>
  new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () =>
      reject(new Problem('start/unreachable', { url: url.origin, why: 'the console was not opened' })),
    )
    signal?.addEventListener('abort', () => {
      socket.close()
      reject(signal.reason)
    })
  })

/** What arrives before anybody reads is kept: the server sends what the guest said last at once. */
function arrivals(socket: WebSocket): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream<Uint8Array>({
    start(controller) {
      socket.addEventListener('message', ({ data }) => {
        controller.enqueue(
          typeof data === 'string' ? encoder.encode(data) : new Uint8Array(data as ArrayBuffer),
        )
      })
      socket.addEventListener('close', () => controller.close())
    },
    cancel: () => socket.close(1000),
  })
}
