/** What every request passes first: is it meant for us, and does it come from where it may come from. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { ApiOptions } from './api.ts'

/** Sent with every answer. Nothing of ours may be framed, sniffed, kept or run from elsewhere. */
export const safeHeaders: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  // Not `no-referrer`: with it a browser sends `Origin: null` with our own sign-in form (Fetch, §3.2).
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
}

/**
 * Problem `request/host` when the request names a host that is not ours (DNS rebinding) or comes from a page of
 * another origin.
 */
export function checkDoor(
  { headers, headersDistinct, url }: IncomingMessage,
  options: Pick<ApiOptions, 'allowedHosts'>,
  isSecure: boolean,
) {
  // Which of two hosts is meant is what attackers and proxies disagree on (RFC 9112, §3.2).
  if ((headersDistinct?.host?.length ?? 0) > 1)
    throw new Problem('request/malformed', { why: 'there is more than one Host header' })
  if (url?.startsWith('/') === false)
    throw new Problem('request/malformed', { why: 'the address does not begin with a slash' })
  const host = typeof headers.host === 'string' ? headers.host.toLowerCase() : undefined
  if (host === undefined) throw new Problem('request/malformed', { why: 'there is no Host header' })
  const [, name = ''] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]{1,253})(?::\d{1,5})?$/.exec(host) ?? []
  const isOurs = options.allowedHosts.some((allowed) => {
    const own = allowed.toLowerCase()
    return own === name || own === host || `[${own}]` === name
  })
  if (name === '' || !isOurs) throw new Problem('request/host')
  const { origin } = headers
  if (origin !== undefined && origin !== `${isSecure ? 'https' : 'http'}://${host}`)
    throw new Problem('request/host')
}

/** Cuts a connection that may not speak to us; problem `request/host`. */
export async function checkPeer({ socket }: IncomingMessage, { isWelcome }: Pick<ApiOptions, 'isWelcome'>) {
  if (isWelcome === undefined || (await isWelcome(socket))) return
  socket.destroy()
  throw new Problem('request/host')
}

/** Cuts connections that may not speak to us before they have said a word. */
export function guardDoor(server: Server, { isWelcome, tls }: Pick<ApiOptions, 'isWelcome' | 'tls'>) {
  if (isWelcome === undefined) return
  server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
    void isWelcome(socket).then((is) => is || socket.destroy())
  })
}

/**
 * Cuts connections that send requests ahead without taking the answers. Node hands all requests of one read over at
 * once, so that a few kilobytes could ask for hundreds of answers, each kept until it is sent (I-46, I-48).
 */
export function boundRequests(server: Server) {
  const handlers = server.listeners('request') as ((...exchange: Exchange) => void)[]
  const ahead = new WeakMap<Socket, number>()
  server.removeAllListeners('request')
  server.on('request', (...exchange: Exchange) => {
    const [{ socket }, response] = exchange
    const count = (ahead.get(socket) ?? 0) + 1
    ahead.set(socket, count)
    if (count > limits.requestsAhead) return void socket.destroy()
    response.once('close', () => ahead.set(socket, (ahead.get(socket) ?? 1) - 1))
    for (const handle of handlers) handle(...exchange)
  })
}

type Exchange = [request: IncomingMessage, response: ServerResponse]
