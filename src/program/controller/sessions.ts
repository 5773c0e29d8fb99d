/**
 * The controller's side of the link: for each connected agent, what it should have is sent, and what it
 * says is taken in. One session a host; a newer one takes over.
 */

import type { Json, JsonObject } from '#base/json.ts'
import type { Stored } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import type { Ask, ByteChannel, Open, Session, Up } from '#drivers/link/port.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import type { Census, Counting } from './census.ts'
import { toldWith } from './told.ts'
import type { VolumeKeys } from './volume-keys.ts'

/** Kinds that agents carry out, in the order in which an agent should hear of them. */
export const carriedKinds = ['datastore', 'image', 'volume', 'guest', 'snapshot'] as const
const carried: ReadonlySet<string> = new Set(carriedKinds)

const askTimeoutMs = 15_000

export type Listeners = {
  readonly onConnect: (host: string, session: Session) => void
  readonly onLost: (host: string) => void
  /** Resolves once what was said is recorded; only then it is acknowledged. */
  readonly onUp: (host: string, up: Up) => Promise<void>
}

export class Sessions {
  readonly #replica: Replica
  readonly #census: Census
  readonly #keys: VolumeKeys
  readonly #listeners: Listeners
  readonly #sessions = new Map<string, Session>()
  readonly #listening = new Map<string, Promise<void>>()

  /** The census must have heard of changes first: a host is told of a network before a guest on it. */
  constructor(
    replica: Replica,
    { census, keys }: { census: Census; keys: VolumeKeys },
    listeners: Listeners,
  ) {
    this.#replica = replica
    this.#keys = keys
    this.#census = census
    census.onNews(
      (host, counting) => this.#sessions.get(host)?.send({ say: 'wish', wish: this.#counted(counting) }),
      (host, kind, id) => this.#sessions.get(host)?.send({ say: 'forget', kind, id }),
    )
    this.#listeners = listeners
    replica.onChange((seen) => this.#forward(seen))
  }

  /** Takes over an agent that proved to be this host. */
  welcome(session: Session) {
    const { host } = session.hello
    if (this.#replica.find('host', null, host) === undefined) return session.close()
    this.#sessions.get(host)?.close()
    this.#sessions.set(host, session)
    this.#sync(session)
    this.#listeners.onConnect(host, session)
    this.#listenInTurn(host, session)
  }

  isConnected(host: string) {
    return this.#sessions.has(host)
  }

  async ask(host: string, ask: Ask): Promise<Uint8Array> {
    return await this.#of(host).ask(ask, askTimeoutMs)
  }

  async open(host: string, open: Open): Promise<ByteChannel> {
    return await this.#of(host).open(open)
  }

  close() {
    for (const session of this.#sessions.values()) session.close()
  }

  #of(host: string): Session {
    const session = this.#sessions.get(host)
    if (session === undefined) throw new Problem('host/silent', { host })
    return session
  }

  /** Sends only what the agent does not have, and the names of those that the store does not know. */
  #sync(session: Session) {
    const { host, have } = session.hello
    session.send({ say: 'sync' })
    const unknown = new Set(Object.keys(have))
    for (const counting of this.#census.of(host)) {
      const key = `${counting.kind}/${counting.id}`
      unknown.delete(key)
      // It counts from a revision that this store has not reached: what it has is of another one.
      if ((have[key] ?? 0) >= this.#replica.revision)
        session.send({ say: 'forget', kind: counting.kind, id: counting.id })
      session.send({ say: 'wish', wish: this.#counted(counting) })
    }
    for (const kind of carriedKinds) {
      for (const stored of this.#replica.by(`carried-by-${kind}`, host)) {
        const key = `${kind}/${stored.document.id}`
        unknown.delete(key)
        if (have[key] !== stored.revision) session.send({ say: 'wish', wish: this.#wish(stored) })
      }
    }
    for (const key of unknown) {
      const [kind = '', id = ''] = key.split('/')
      session.send({ say: 'forget', kind, id })
    }
    session.send({ say: 'synced', revision: this.#replica.revision })
  }

  #forward(seen: readonly Seen[]) {
    for (const { kind, id, before, after } of seen) {
      if (!carried.has(kind)) continue
      const [from, to] = [before?.document.host ?? null, after?.document.host ?? null]
      if (from !== null && from !== to) this.#sessions.get(from)?.send({ say: 'forget', kind, id })
      if (to === null || after === undefined || isOnlyStatus(before, after)) continue
      this.#sessions.get(to)?.send({ say: 'wish', wish: this.#wish(after) })
    }
  }

  /** What is counted has no revision of its own: it is as new as all that was counted. */
  #counted({ document }: Counting): { revision: number; document: Json } {
    return { revision: this.#replica.revision, document }
  }

  /** The document without its status, with the ids of what it names: agents know no names. */
  #wish({ document, revision }: Stored): { revision: number; document: Json } {
    const { status: _, ...rest } = document
    const told = toldWith(this.#replica, this.#keys, document)
    return { revision, document: { ...(rest as unknown as JsonObject), ...told } }
  }

  /** What an older session said is taken in before what a newer one says, so that nothing old comes last. */
  #listenInTurn(host: string, session: Session) {
    const turn = (this.#listening.get(host) ?? Promise.resolve()).then(() => this.#listen(host, session))
    this.#listening.set(host, turn)
    void turn.finally(() => {
      if (this.#listening.get(host) === turn) this.#listening.delete(host)
    })
  }

  async #listen(host: string, session: Session) {
    try {
      for await (const up of session.ups) {
        if (this.#sessions.get(host) !== session) break
        if (up.say === 'heartbeat') void this.#listeners.onUp(host, up)
        else await this.#take(host, session, up)
      }
    } catch {
      // The session broke; what was not acknowledged comes again with the next one.
    }
    if (this.#sessions.get(host) !== session) return
    this.#sessions.delete(host)
    session.close()
    this.#listeners.onLost(host)
  }

  async #take(host: string, session: Session, up: Exclude<Up, { say: 'heartbeat' }>) {
    await this.#listeners.onUp(host, up)
    session.send({ say: 'received', sequence: up.sequence })
  }
}

/** Whether only the status changed: the agent that said it need not hear it again. */
const isOnlyStatus = (before: Stored | undefined, after: Stored) =>
  before !== undefined &&
  before.document.generation === after.document.generation &&
  before.document.deletingAtMs === after.document.deletingAtMs &&
  before.document.host === after.document.host
