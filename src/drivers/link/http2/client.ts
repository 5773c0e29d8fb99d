/** The agent's dialling: one connection outwards, on which it then serves the controller. */

import { performServerHandshake } from 'node:http2'
import { connect, type TLSSocket } from 'node:tls'
import { controllerName, type Credentials } from '#drivers/certificates/port.ts'
import { Problem } from '#model/problem.ts'
import type { AgentDoor, LinkClient, Uplink } from '../port.ts'
import { reachOf, type Address } from './address.ts'
import { pace, protocol, sessionWindow, settings, type Pace } from './bounds.ts'
import { breakOff } from './ending.ts'
import { watchPulse } from './pulse.ts'
import { AgentEnd } from './uplink.ts'

export type ClientPlace = Address & {
  readonly credentials: Credentials
  /** The name that the controller proves; that of its link certificate by default. */
  readonly serverName?: string
  readonly pace?: Pace
}

const lost = (cause?: unknown) => new Problem('link/lost', { peer: 'controller' }, { cause })

/** One side's certificate does not please the other: trying again will not help. */
const isDistrust = (error: unknown) =>
  /^ERR_(SSL|TLS)|CERT|PURPOSE|VERIFY|SIGNATURE/.test((error as NodeJS.ErrnoException).code ?? '')

function open(place: ClientPlace): TLSSocket {
  const { authority, certificate, key } = place.credentials
  const proof = {
    ca: authority,
    cert: certificate,
    key,
    servername: place.serverName ?? controllerName,
    minVersion: 'TLSv1.3' as const,
    ALPNProtocols: [protocol],
  }
  if (!('path' in place)) return connect({ ...proof, host: place.host, port: place.port })
  const reach = reachOf(place.path)
  const socket = connect({ ...proof, path: reach.path })
  socket.once('close', reach.release)
  return socket
}

async function secured(socket: TLSSocket, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', () => resolve())
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('closed during the handshake')))
    })
  } catch (error) {
    socket.destroy()
    throw isDistrust(error) ? new Problem('link/refused', { host }, { cause: error }) : lost(error)
  }
}

async function greeted(socket: TLSSocket, door: AgentDoor, host: string, bounds: Pace): Promise<Uplink> {
  if (socket.destroyed) throw lost()
  const http = performServerHandshake(socket, settings)
  http.on('error', () => {})
  http.setLocalWindowSize(sessionWindow)
  const uplink = new AgentEnd(http, door)
  const verdict = await uplink.verdict
  if (verdict === 'welcome') {
    watchPulse(http, bounds)
    return uplink
  }
  breakOff(http)
  throw verdict === 'refused' ? new Problem('link/refused', { host }) : lost()
}

/** Dials when asked to; holds nothing between attempts. */
export function linkClient(place: ClientPlace): LinkClient {
  const bounds = place.pace ?? pace
  return {
    name: 'http2',
    async connect(door: AgentDoor, signal: AbortSignal) {
      if (signal.aborted) throw lost(signal.reason)
      const { host } = door.hello()
      const socket = dial(place)
      const giveUp = () => socket.destroy()
      const deadline = setTimeout(giveUp, bounds.silentMs)
      signal.addEventListener('abort', giveUp)
      try {
        await secured(socket, host)
        return await greeted(socket, door, host, bounds)
      } finally {
        clearTimeout(deadline)
        signal.removeEventListener('abort', giveUp)
      }
    },
  }
}

/** A missing folder or socket is an absent controller. */
function dial(place: ClientPlace): TLSSocket {
  try {
    return open(place)
  } catch (error) {
    throw lost(error)
  }
}
