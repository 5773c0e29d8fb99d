/**
 * Consoles: a ticket over HTTP, then bytes both ways over a WebSocket, bridged to the guest on its host. Neither
 * side runs ahead of the other.
 *
 *     ticket ──redeem──▶ opening ──▶ bridged ──▶ closed (guest gone, person gone, Decant stopping)
 */

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { z } from 'zod'
import { read } from '#engines/admission/fields.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { machine } from '#kinds/machine/schema.ts'
import { holdsRole } from '#model/access.ts'
import { kindNamed } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'
import { checkRole, foundFor, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { subjectOf } from './change.ts'
import { checkDoor, checkPeer } from './door.ts'
import { problemFrom } from './faults.ts'
import { languageFrom, spoken } from './language.ts'
import { bodyOf } from './moments.ts'
import { identityOfHeaders } from './proofs.ts'
import { oneOf, onlyKnown, queryFrom } from './query.ts'
import { outboxed, recordOf } from './records.ts'
import type { Answer, Call, Route } from './route.ts'
import type { Ticket } from './tickets.ts'

const Wanted = z.strictObject({ type: z.enum(['serial', 'vnc']).default('serial') })
const path = '/api/v1/console'
const role = 'operator'
const longestMessage = 1_048_576
/** How often it is asked whether a console's credential still holds. */
const pulseMs = 15_000
const kind = () => present(kindNamed(machine.name), 'machines are a kind')

export const consoleRoute = (room: () => Room): Route => ({
  kind: machine.name,
  method: 'POST',
  path: '/api/v1/machines/:name/consoles',
  summary: 'A ticket for one console: used once, within 30 seconds, at the WebSocket address given',
  role,
  scope: 'object',
  isChange: true,
  action: 'machine.console',
  takes: 'json',
  input: Wanted,
  answers: '`ticket`, `address`, `expiresAtMs`',
  handle: (call) => ticketFor(room(), call),
})

async function ticketFor(room: Room, call: Call): Promise<Answer> {
  const { caller, query, params, body, route, request } = call
  onlyKnown(query, ['project'])
  const { type } = read(Wanted, body ?? {})
  const address = { kind: kind(), project: projectOf(kind(), query), name: params.name ?? '' }
  const { document } = foundFor(room, caller, address, role)
  bodyOf(document)
  const { desk } = room
  const { principal, isNarrowed } = caller
  const { headers } = request
  const ticket = room.tickets.issue({
    kind: machine.name,
    id: document.id,
    type,
    identity: { principal, isNarrowed },
    proven: () => identityOfHeaders(room, headers),
  })
  const word = { action: route.action, subject: subjectOf(document), outcome: 'done', detail: type } as const
  await desk.replica.commit([outboxed(recordOf(desk, caller, word))])
  caller.isRecorded = true
  desk.audited()
  const expiresAtMs = desk.clock.now() + limits.ticketMs
  return { status: 201, body: { ticket, address: `${path}?ticket=${ticket}`, expiresAtMs } }
}

/** Takes WebSockets of a server; the function returned sends all of them away. */
export function bridgeConsoles(server: Server, room: Room): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: longestMessage,
    perMessageDeflate: false,
  })
  const open = new Map<string, number>()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    void admit(room, request)
      .then((ticket) => {
        const count = open.get(ticket.id) ?? 0
        if (count >= limits.consolesPerMachine)
          throw new Problem('request/too-many', { limit: limits.consolesPerMachine, what: 'consoles' })
        open.set(ticket.id, count + 1)
        room.measures.consoles++
        const leave = () => {
          room.measures.consoles--
          const left = (open.get(ticket.id) ?? 1) - 1
          if (left === 0) open.delete(ticket.id)
          else open.set(ticket.id, left)
        }
        socket.once('close', leave)
        sockets.handleUpgrade(request, socket, head, (webSocket) => void bridge(room, webSocket, ticket))
      })
      .catch((error: unknown) => refuse(room, { request, socket, error }))
  })
  return () => {
    for (const webSocket of sockets.clients) webSocket.close(1001, 'Decant is stopping')
    sockets.close()
    const timer = setTimeout(() => sockets.clients.forEach((webSocket) => webSocket.terminate()), 500)
    timer.unref()
  }
}

async function admit(room: Room, request: IncomingMessage): Promise<Ticket> {
  await checkPeer(request, room.options)
  checkDoor(request, room.options, room.isSecure)
  const url = request.url ?? ''
  if (url.split('?')[0] !== path) throw new Problem('request/not-found')
  const secret = oneOf(queryFrom(url), 'ticket')
  const ticket = secret === undefined ? undefined : room.tickets.redeem(secret)
  if (ticket === undefined) throw new Problem('auth/invalid')
  // A ticket is the person's: when a cookie or token comes along, it must be the same person's.
  const other = await identityOfHeaders(room, request.headers)
  const { identity } = ticket
  if (other !== undefined && other.principal.user !== identity.principal.user)
    throw new Problem('auth/invalid')
  return ticket
}

function refuse(
  room: Room,
  { request, socket, error }: { request: IncomingMessage; socket: Duplex; error: unknown },
) {
  const problem = problemFrom(error, { newId: room.desk.newId, log: room.log })
  const said = spoken(problem, languageFrom(request.headers['accept-language']))
  const body = JSON.stringify(said)
  socket.end(
    `HTTP/1.1 ${said.status} Refused\r\ncontent-type: application/problem+json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

async function bridge(room: Room, webSocket: WebSocket, ticket: Ticket): Promise<void> {
  const early: Buffer[] = []
  const keepEarly = (data: Buffer) => void early.push(data)
  webSocket.on('message', keepEarly)
  webSocket.pause()
  let channel: ByteChannel | undefined
  let stopWatching = () => {}
  try {
    channel = await channelFor(room, ticket)
    webSocket.off('message', keepEarly)
    upward(webSocket, channel, early)
    stopWatching = whileAllowed(room, ticket, () => sendAway(webSocket, 1008, 'you may no longer'))
    webSocket.resume()
    await downward(webSocket, channel)
    sendAway(webSocket, 1000, 'the guest is gone')
  } catch (error) {
    const problem = problemFrom(error, { newId: room.desk.newId, log: room.log })
    sendAway(webSocket, 1011, closeReason(`${problem.code}: ${problem.message}`))
  } finally {
    stopWatching()
    channel?.close()
  }
}

/** Calls back when the person, or the credential, of a ticket loses what the ticket was given for. */
function whileAllowed(room: Room, ticket: Ticket, lost: () => void): () => void {
  const { replica, clock } = room.desk
  const check = async () => {
    if (!(await stillMay(room, ticket))) lost()
  }
  const stopListening = replica.onChange((seen) => {
    if (seen.some(({ kind }) => kind === 'user' || kind === 'token')) void check()
  })
  // A session ends, and a token runs out, without a change that could be heard.
  const beat = () => {
    void check()
    cancel = clock.after(pulseMs, beat)
  }
  let cancel = clock.after(pulseMs, beat)
  return () => {
    stopListening()
    cancel()
  }
}

async function stillMay({ desk }: Room, { id, proven }: Ticket): Promise<boolean> {
  const project = desk.replica.get(machine.name, id)?.document.project ?? null
  try {
    const now = await proven()
    return now !== undefined && holdsRole(now.principal, role, project)
  } catch (error) {
    // A store that fails for a moment is no reason to end what is already allowed.
    return error instanceof Problem && error.code.startsWith('store/')
  }
}

/** Says why and ends; a socket that is not read would never hear the other side agree. */
function sendAway(webSocket: WebSocket, code: number, reason: string) {
  webSocket.close(code, reason)
  webSocket.resume()
}

/** A close frame carries at most 123 bytes of reason (RFC 6455 §5.5). */
const closeReason = (text: string) => text.replace(/[^ -~]/g, '?').slice(0, 120)

async function channelFor(room: Room, ticket: Ticket): Promise<ByteChannel> {
  const { id, type, identity } = ticket
  const stored = room.desk.replica.get(machine.name, id)
  if (stored === undefined) throw new Problem('object/not-found', { kind: machine.name, name: id })
  checkRole(
    { ...identity, requestId: '', from: '', language: 'en', isRecorded: false },
    kind(),
    stored.document,
    role,
  )
  if (!(await stillMay(room, ticket))) throw new Problem('auth/forbidden', { role })
  const { host, guest } = bodyOf(stored.document)
  return room.desk.open(host, { open: type, guest })
}

/** From the person to the guest; the socket is read no faster than the guest takes it. */
function upward(webSocket: WebSocket, channel: ByteChannel, early: readonly Buffer[]) {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  const pass = (data: Buffer) => {
    waiting++
    webSocket.pause()
    last = last
      .then(() => channel.write(data))
      .catch(() => sendAway(webSocket, 1011, 'the guest does not take it'))
      .finally(() => {
        if (--waiting === 0) webSocket.resume()
      })
  }
  for (const data of early) pass(data)
  webSocket.on('message', (data: Buffer) => pass(Buffer.from(data)))
  webSocket.on('close', () => channel.close())
  webSocket.on('error', () => channel.close())
}

/** From the guest to the person; the guest's bytes are read no faster than the socket drains. */
async function downward(webSocket: WebSocket, channel: ByteChannel): Promise<void> {
  for await (const bytes of channel.bytes) {
    if (webSocket.readyState !== webSocket.OPEN) return
    await new Promise<void>((resolve) => webSocket.send(bytes, { binary: true }, () => resolve()))
  }
}
