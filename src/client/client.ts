/** The typed client: what the kinds declare, as calls. The same in Node and in a browser. */

import type { JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import * as addresses from './addresses.ts'
import { objectFrom, pageFrom, rehearsalFrom, resultsFrom, thingFrom } from './answers.ts'
import type { Page, Rehearsal, Result, Thing } from './answers.ts'
import { Caller, freshKey, type Access, type Ask } from './caller.ts'

export type { Access } from './caller.ts'
export type { Rehearsal, Result, SaidHold, Thing } from './answers.ts'

/** What a person wishes of an object; what is absent takes its default. */
export type Wish = {
  readonly name?: string
  readonly spec?: unknown
  /** In a patch, null takes a label off. */
  readonly labels?: Readonly<Record<string, string | null>>
  readonly description?: string
  readonly isProtected?: boolean
}

export type Listing = {
  /** Absent: every project that the caller may see. */
  readonly project?: string | undefined
  /** `key=value`, `key!=value`, `key`; all of them must hold. */
  readonly labels?: readonly string[]
  /** Dotted path → value; all of them must hold. */
  readonly fields?: Readonly<Record<string, string>>
  readonly search?: string | undefined
  /** Dotted paths, commas between; a leading `-` turns the order. */
  readonly sort?: string | undefined
  /** Stop after so many. */
  readonly limit?: number
}

export type Change = {
  /** Absent: `default`. */
  readonly project?: string | undefined
  /** Answers when the wish came true, at most after so many seconds (1–600). */
  readonly waitSeconds?: number | undefined
  /** Refused with `request/precondition` when the object is at another generation. */
  readonly ifGeneration?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export type Bulk = {
  readonly op: 'create' | 'replace' | 'patch' | 'delete' | 'verb'
  readonly kind: string
  readonly project?: string
  readonly name?: string
  readonly body?: unknown
  readonly verb?: string
  readonly input?: unknown
}

const pageItems = 500
/** The answer of a wait comes at its end; the way gets this much more. */
const waySlackMs = 15_000

const scoped = (kind: Kind, project: string | undefined) => (kind.scope === 'project' ? { project } : {})

export class Client {
  readonly caller: Caller

  constructor(access: Access) {
    this.caller = new Caller(access)
  }

  /** Every object that fits, page by page. */
  async *each(kind: Kind, listing: Listing = {}): AsyncGenerator<Thing> {
    const { project, labels = [], fields, search, sort, limit = Infinity } = listing
    const query = {
      ...scoped(kind, project),
      ...fields,
      ...(labels.length > 0 ? { labels: labels.join(',') } : {}),
      search,
      sort,
    }
    let [cursor, left]: [string | undefined, number] = [undefined, limit]
    do {
      const paged: addresses.Query = { ...query, limit: Math.min(pageItems, left), cursor }
      const answer = await this.caller.json(addresses.collection(kind), { query: paged })
      const page: Page<Thing> = pageFrom(answer, thingFrom)
      yield* page.items
      cursor = page.next
      left -= page.items.length
    } while (cursor !== undefined && left > 0)
  }

  async list(kind: Kind, listing: Listing = {}): Promise<Thing[]> {
    const things: Thing[] = []
    for await (const thing of this.each(kind, listing)) things.push(thing)
    return things
  }

  /** By name or id. */
  async get(kind: Kind, name: string, project?: string): Promise<Thing> {
    return thingFrom(await this.caller.json(addresses.object(kind, name), { query: scoped(kind, project) }))
  }

  /** The answer may hold more than the object: a new token's `secret`. */
  create(kind: Kind, wish: Wish & { readonly name: string }, change: Change = {}): Promise<Thing> {
    return this.#thing(kind, change, { path: addresses.collection(kind), method: 'POST', json: wish })
  }

  /** Creates it when it is absent. */
  replace(kind: Kind, name: string, wish: Wish, change: Change = {}): Promise<Thing> {
    return this.#thing(kind, change, { path: addresses.object(kind, name), method: 'PUT', json: wish })
  }

  /** A JSON merge patch (RFC 7396) of the wish. */
  patch(kind: Kind, name: string, patch: Wish, change: Change = {}): Promise<Thing> {
    return this.#thing(kind, change, { path: addresses.object(kind, name), method: 'PATCH', json: patch })
  }

  /** With `waitSeconds`, the last of it once it is gone; else as it is while going. */
  delete(kind: Kind, name: string, change: Change = {}): Promise<Thing> {
    return this.#thing(kind, change, { path: addresses.object(kind, name), method: 'DELETE' })
  }

  verb(kind: Kind, name: string, act: Act, change: Change = {}): Promise<Thing> {
    const path = addresses.part(kind, name, act.name)
    return this.#thing(kind, change, { path, method: 'POST', json: act.input ?? {} })
  }

  /** Delivered at most once: never sent again by itself without the server knowing it. */
  async signal(kind: Kind, name: string, act: Act, change: Change = {}): Promise<JsonObject> {
    const path = addresses.part(kind, name, act.name)
    return objectFrom(await this.#send(kind, change, { path, method: 'POST', json: act.input ?? {} }))
  }

  /** Bytes of a look, such as a screenshot. */
  async look(kind: Kind, name: string, look: string, project?: string): Promise<Uint8Array> {
    const ask = { query: scoped(kind, project), headers: { accept: '*/*' } }
    const response = await this.caller.call(addresses.part(kind, name, look), ask)
    return new Uint8Array(await response.arrayBuffer())
  }

  /** What a call would do; changes nothing. */
  async rehearse(kind: Kind, call: Rehearsed, change: Change = {}): Promise<Rehearsal> {
    const query = { ...scoped(kind, change.project), dryRun: 'plan' }
    const path = pathOf(kind, call)
    const { signal } = change
    return rehearsalFrom(
      await this.caller.json(path, { method: methods[call.op], json: call.body, query, signal }),
    )
  }

  /** Several changes in one call, each with a result of its own. */
  async bulk(items: readonly Bulk[]): Promise<Result[]> {
    const headers = { 'idempotency-key': freshKey() }
    const json = { items }
    return resultsFrom(await this.caller.json(`${addresses.base}/bulk`, { method: 'POST', json, headers }))
  }

  async #thing(kind: Kind, change: Change, call: Call): Promise<Thing> {
    return thingFrom(await this.#send(kind, change, call))
  }

  #send(kind: Kind, change: Change, { path, ...ask }: Call): Promise<unknown> {
    const { project, waitSeconds, ifGeneration, signal } = change
    return this.caller.json(path, {
      ...ask,
      query: { ...scoped(kind, project), wait: waitSeconds },
      signal,
      headers: {
        'idempotency-key': freshKey(),
        ...(ifGeneration === undefined ? {} : { 'if-match': `"${ifGeneration}"` }),
      },
      ...(waitSeconds === undefined ? {} : { timeoutMs: waitSeconds * 1000 + waySlackMs }),
    })
  }
}

/** A verb or a signal, with what the caller says with it. */
export type Act = { readonly name: string; readonly input?: JsonObject }

export type Rehearsed = {
  readonly op: 'create' | 'replace' | 'patch' | 'delete' | 'verb'
  /** Absent for `create`. */
  readonly name?: string
  readonly verb?: string
  readonly body?: unknown
}

type Call = Pick<Ask, 'method' | 'json'> & { readonly path: string }

const methods = { create: 'POST', replace: 'PUT', patch: 'PATCH', delete: 'DELETE', verb: 'POST' } as const

function pathOf(kind: Kind, { op, name = '', verb = '' }: Rehearsed): string {
  if (op === 'create') return addresses.collection(kind)
  return op === 'verb' ? addresses.part(kind, name, verb) : addresses.object(kind, name)
}
