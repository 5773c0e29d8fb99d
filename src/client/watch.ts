/** Watches objects: what is there, then each change, across cuts and restarts of the server (I-17). */

import type { JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { base } from './addresses.ts'
import { objectFrom, thingFrom, type Thing } from './answers.ts'
import type { Client } from './client.ts'
import { follow, type Followed } from './follow.ts'
import type { ServerEvent } from './stream.ts'

export type Watched = {
  /** Absent: every kind that the caller may see. */
  readonly kinds?: readonly Kind[]
  readonly project?: string | undefined
  readonly labels?: readonly string[]
  /** `now`: changes only; `list`: first what is there; a revision: what changed after it. */
  readonly from: 'now' | 'list' | number
  readonly signal: AbortSignal
} & Pick<Followed, 'onCut' | 'onOpen' | 'pauseMs' | 'silenceMs'>

export type Gone = {
  readonly kind: string
  readonly id: string
  readonly name: string
  readonly project: string | null
}

export type Sight =
  | { readonly type: 'put'; readonly thing: Thing }
  | { readonly type: 'delete'; readonly gone: Gone }
  /** All that was there has been said. */
  | { readonly type: 'synced'; readonly revision: number }
  /** The server no longer keeps what happened since the cut: forget everything, the list follows. */
  | { readonly type: 'again' }

function sightFrom({ event, data }: ServerEvent): Sight | undefined {
  const value = read(data)
  if (event === 'put') return { type: 'put', thing: thingFrom(value) }
  if (event === 'delete') return { type: 'delete', gone: goneFrom(objectFrom(value)) }
  if (event === 'synced') return { type: 'synced', revision: Number(objectFrom(value).revision) }
  return event === 'expired' ? { type: 'again' } : undefined
}

const goneFrom = ({ kind, id, name, project }: JsonObject): Gone => ({
  kind: String(kind),
  id: String(id),
  name: String(name),
  project: typeof project === 'string' ? project : null,
})

function read(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch (cause) {
    throw new Problem('answer/strange', { why: 'an event is not JSON' }, { cause })
  }
}

const isExpired = (error: unknown) => error instanceof Problem && error.code === 'store/compacted'

/** One watch until the server no longer can go on from there; then resolves to true. */
async function* watchOnce(
  client: Client,
  watched: Watched,
  from: Watched['from'],
): AsyncGenerator<Sight, boolean> {
  // A list that was cut off begins anew: what was said of it may no longer be so.
  let [isListing, hasSaid, isAnew] = [from === 'list', false, false]
  const onOpen = () => {
    isAnew = isListing && hasSaid
    watched.onOpen?.()
  }
  try {
    for await (const event of follow({ ...watched, onOpen, open: opener(client, watched, from) })) {
      const sight = sightFrom(event)
      if (sight?.type === 'again') return true
      if (isAnew) yield { type: 'again' }
      isAnew = false
      isListing &&= event.id === undefined
      hasSaid = true
      if (sight !== undefined) yield sight
    }
  } catch (error) {
    if (!isExpired(error)) throw error
    return true
  }
  return false
}

/** Ends only when `signal` is aborted; a refusal that stays is thrown. */
export async function* watch(client: Client, watched: Watched): AsyncGenerator<Sight> {
  let isOver = yield* watchOnce(client, watched, watched.from)
  while (isOver && !watched.signal.aborted) {
    yield { type: 'again' }
    isOver = yield* watchOnce(client, watched, 'list')
  }
}

const opener =
  (client: Client, { kinds, project, labels }: Watched, from: Watched['from']): Followed['open'] =>
  (lastId, signal) =>
    client.caller.call(`${base}/watch`, {
      query: {
        kinds: kinds?.map(({ name }) => name).join(','),
        project,
        labels: labels === undefined || labels.length === 0 ? undefined : labels.join(','),
        ...(lastId === undefined ? { from } : {}),
      },
      headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
      signal,
      timeoutMs: 0,
    })

export type Waiting = {
  readonly isDone: (thing: Thing) => boolean
  /** Why waiting on is in vain, or nothing. */
  readonly failure?: (thing: Thing) => Problem | undefined
  readonly seconds: number
  readonly signal?: AbortSignal
  readonly onSight?: (thing: Thing) => void
  readonly onCut?: Followed['onCut']
}

/** The object once it is as waited for; nothing once it is gone. Problem `request/timeout` when late. */
export async function waitFor(
  client: Client,
  kind: Kind,
  thing: Thing,
  { isDone, failure, seconds, signal, onSight, onCut }: Waiting,
): Promise<Thing | undefined> {
  const late = AbortSignal.timeout(seconds * 1000)
  const ended = AbortSignal.any(signal === undefined ? [late] : [late, signal])
  const judge = (seen: Thing): boolean => {
    onSight?.(seen)
    const failed = failure?.(seen)
    if (failed !== undefined) throw failed
    return isDone(seen)
  }
  if (judge(thing)) return thing
  const from = thing.revision ?? 'list'
  const project = thing.project ?? undefined
  const sights = watch(client, {
    kinds: [kind],
    project,
    from,
    signal: ended,
    ...(onCut === undefined ? {} : { onCut }),
  })
  for await (const sight of sights) {
    if (sight.type === 'put' && sight.thing.id === thing.id && judge(sight.thing)) return sight.thing
    if (sight.type === 'delete' && sight.gone.id === thing.id) return undefined
    if (sight.type === 'again' && (await isGone(client, kind, thing.id))) return undefined
  }
  signal?.throwIfAborted()
  throw new Problem('request/timeout', { kind: kind.name, name: thing.name, seconds })
}

async function isGone(client: Client, kind: Kind, id: string): Promise<boolean> {
  try {
    await client.get(kind, id)
    return false
  } catch (error) {
    if (error instanceof Problem && error.code === 'object/not-found') return true
    throw error
  }
}
