/** Two real ends of the link and a wire between them that can be cut, muted and held. */

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Authority, Credentials } from '#drivers/certificates/port.ts'
import { x509Certificates } from '#drivers/certificates/x509/authority.ts'
import type { Address } from '#drivers/link/http2/address.ts'
import type { Pace } from '#drivers/link/http2/bounds.ts'
import { linkClient } from '#drivers/link/http2/client.ts'
import { openLinkServer, type Http2LinkServer } from '#drivers/link/http2/server.ts'
import type { AgentDoor, Open, Session } from '#drivers/link/port.ts'

/** A wire of one host: everything passes until it is cut or muted. */
export class Wire {
  readonly #server: Server
  readonly #pairs = new Set<readonly [agent: Socket, controller: Socket]>()

  constructor(target: Address) {
    this.#server = createServer({ noDelay: true }, (agent) => {
      const controller = connect('path' in target ? { path: target.path } : target)
      const pair = [agent, controller] as const
      this.#pairs.add(pair)
      for (const [from, to] of [pair, [controller, agent]] as const) {
        from.pipe(to)
        from.on('error', () => {})
        from.once('close', () => {
          to.destroy()
          this.#pairs.delete(pair)
        })
      }
    })
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  cut() {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  /** From now on nothing passes that way, and nobody is told. */
  mute(way: 'up' | 'down') {
    for (const [agent, controller] of this.#pairs) {
      const [from, to] = way === 'up' ? [agent, controller] : [controller, agent]
      from.unpipe(to)
      from.resume()
    }
  }

  close() {
    this.cut()
    this.#server.close()
  }
}

export type Lab = {
  readonly folder: string
  readonly authority: Authority
  readonly address: Address
  readonly server: Http2LinkServer
  readonly sessions: Session[]
  /** The wire of a host, made at the first call. */
  wire(host: string): Promise<{ wire: Wire; port: number }>
  credentials(host: string): Promise<Credentials>
  connect(
    door: AgentDoor,
    host?: string,
    signal?: AbortSignal,
  ): ReturnType<ReturnType<typeof linkClient>['connect']>
  close(): Promise<void>
}

/** Quick to notice silence, yet with time enough for a greeting on a busy machine. */
export const quickPace: Pace = { pingMs: 200, silentMs: 2000 }

export async function openLab(kind: 'unix' | 'tcp', pace: Pace = quickPace): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'decant-link-'))
  const authority = await x509Certificates(Date.now).ensureAuthority(folder)
  const credentials = await authority.issue({ purpose: 'controller' })
  const wanted = kind === 'unix' ? { path: join(folder, 'link.sock') } : { host: '127.0.0.1', port: 0 }
  const server = await openLinkServer({ ...wanted, credentials, pace })
  const address = 'path' in wanted ? wanted : { ...wanted, port: server.port ?? 0 }
  const sessions: Session[] = []
  server.onSession((session) => sessions.push(session))
  const wires = new Map<string, Promise<{ wire: Wire; port: number }>>()
  const known = new Map<string, Promise<Credentials>>()
  const lab: Lab = {
    folder,
    authority,
    address,
    server,
    sessions,
    wire(host) {
      const wire = new Wire(address)
      const made = wires.get(host) ?? wire.listen().then((port) => ({ wire, port }))
      wires.set(host, made)
      return made
    },
    credentials(host) {
      const issued = known.get(host) ?? authority.issue({ purpose: 'agent', host })
      known.set(host, issued)
      return issued
    },
    async connect(door, host = door.hello().host, signal = new AbortController().signal) {
      const { port } = await lab.wire(host)
      const place = { host: '127.0.0.1', port, credentials: await lab.credentials(host), pace }
      return linkClient(place).connect(door, signal)
    },
    async close() {
      for (const made of wires.values()) (await made).wire.close()
      await server.close()
      rmSync(folder, { recursive: true })
    },
  }
  return lab
}

/** Any channel; what one is opened for makes no difference to the link. */
export const anOpen: Open = { open: 'serial', guest: 'g' }

/** A door that keeps what comes and answers little. */
export function quietDoor(
  host: string,
  more: Partial<AgentDoor> = {},
): AgentDoor & { readonly downs: unknown[] } {
  const downs: unknown[] = []
  return {
    downs,
    hello: () => ({ host, incarnation: 'i', version: '1', have: {} }),
    down: (down) => void downs.push(down),
    ask: async () => new Uint8Array([1]),
    open: () => Promise.reject(new Error('not here')),
    ...more,
  }
}

/** Polls until it holds, five seconds at most. */
export async function until(what: string, holds: () => boolean) {
  for (let turn = 0; turn < 500; turn++) {
    if (holds()) return
    await sleep(10)
  }
  throw new Error(`in vain: ${what}`)
}
