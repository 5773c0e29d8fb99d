/**
 * Watching (I-17): a stream of server-sent events that a client can leave and resume anywhere, also at another
 * start of the controller, and gets each change once.
 *
 *     replaying (store history) ──▶ live (replica) ──▶ expired │ closed
 *     listing (replica)         ──▶
 *
 * While the first phase runs, live changes wait in the outlet's queue. The id of an event is `<revision>` for the last
 * document of a commit and `<revision>.<n>` for those before it, n counting the commit's documents.
 */

import type { ServerResponse } from 'node:http'
import { same } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import { formerIn, type Former } from '#runtime/former.ts'
import type { Seen } from '#runtime/replica.ts'
import type { Room } from './api.ts'
import { spoken } from './language.ts'
import { Outlet } from './outlet.ts'
import { presented } from './present.ts'
import { oneOf, onlyKnown } from './query.ts'
import { taken, type Call, type Caller } from './route.ts'
import { selectorFrom } from './selector.ts'
import { sightOf, type Sight } from './visibility.ts'
import { identityOfHeaders } from './proofs.ts'

type From = { readonly at: 'now' } | { readonly at: 'list' } | Place
/** After `n` documents of the commit `revision`; n = Infinity: after all of it. */
type Place = { readonly at: 'revision'; readonly revision: number; readonly n: number }

type Fits = (kind: string, document: Pick<Document, 'project' | 'labels'> & Partial<Document>) => boolean

/** One document of one commit, before and after as far as it matters to who may see it. */
type Turn = {
  readonly kind: string
  readonly id: string
  readonly before: Former | undefined
  readonly after: Stored | undefined
  readonly revision: number
  readonly n: number
  readonly isLast: boolean
}

const counts = new WeakMap<Room, Map<string, number>>()
const pulseMs = 15_000

export async function watch(room: Room, call: Call): Promise<typeof taken | { status: number }> {
  const { caller, query, request, reply } = call
  onlyKnown(query, ['kinds', 'project', 'labels', 'from'])
  const kinds = kindsFrom(room.kinds, oneOf(query, 'kinds'))
  const fits = fitting(room, caller, {
    kinds,
    project: oneOf(query, 'project'),
    labels: oneOf(query, 'labels'),
  })
  const resumed = request.headers['last-event-id']
  const from = fromText(
    typeof resumed === 'string' && resumed !== '' ? resumed : (oneOf(query, 'from') ?? 'now'),
  )
  if (from.at === 'revision') await checkKept(room, from)
  const leave = enter(room, caller)
  const response = reply.raw
  response.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
  })
  void stream(room, { caller, from, fits, kinds, response, headers: request.raw.headers }).finally(leave)
  return taken
}

type Streaming = {
  readonly caller: Caller
  readonly from: From
  readonly fits: Fits
  readonly kinds: readonly Kind[]
  readonly response: ServerResponse
  readonly headers: Readonly<Record<string, unknown>>
}

async function stream(room: Room, streaming: Streaming): Promise<void> {
  const { caller, from, response } = streaming
  const { replica } = room.desk
  const outlet = new Outlet(response)
  const start = replica.revision
  const frame = framer(room, streaming)
  const stopListening = replica.onChange((seen) => {
    for (const turn of turnsOf(room, seen)) {
      const text = frame(turn)
      if (text !== undefined) outlet.offer(text)
    }
  })
  const stopPulse = pulse(room, streaming, outlet)
  const onClose = () => outlet.close('closed', { why: 'Decant is stopping' })
  room.closing.addEventListener('abort', onClose)
  try {
    outlet.hold()
    await outlet.write(': Decant\nretry: 1000\n\n')
    if (from.at === 'list') await listAll(room, streaming, { outlet, start })
    else if (from.at === 'now') await outlet.write(synced(start, start))
    else await replay(room, { from, start, frame, outlet })
    outlet.release()
    await outlet.ended
  } catch (error) {
    const problem =
      error instanceof Problem ? error : new Problem('store/failing', { why: 'the history cannot be read' })
    const name = problem.code === 'store/compacted' ? 'expired' : 'closed'
    outlet.close(name, spoken(problem, caller.language))
  } finally {
    stopListening()
    stopPulse()
    room.closing.removeEventListener('abort', onClose)
  }
}

const synced = (id: number, revision: number) =>
  `id: ${id}\nevent: synced\ndata: ${JSON.stringify({ revision })}\n\n`

/** Keeps the connection alive, and ends it once the caller may no longer see what they saw. */
function pulse(room: Room, { caller, headers, response }: Streaming, outlet: Outlet): () => void {
  const { desk } = room
  const check = async () => {
    const isSame = await stillSame(room, caller, headers)
    if (!isSame) outlet.close('expired', spoken(new Problem('auth/invalid'), caller.language))
  }
  const stopListening = desk.replica.onChange((seen) => {
    if (seen.some(({ kind }) => kind === 'user' || kind === 'token')) void check()
  })
  const beat = () => {
    outlet.offer(': \n\n')
    void check()
    cancel = desk.clock.after(pulseMs, beat)
  }
  let cancel = desk.clock.after(pulseMs, beat)
  response.on('close', () => cancel())
  return () => {
    stopListening()
    cancel()
  }
}

async function stillSame(room: Room, { principal }: Caller, headers: Readonly<Record<string, unknown>>) {
  try {
    const now = await identityOfHeaders(room, headers)
    return now !== undefined && same(now.principal.bindings, principal.bindings)
  } catch (error) {
    // A store that fails for a moment is no reason to end what is already allowed.
    return error instanceof Problem && error.code.startsWith('store/')
  }
}

async function listAll(
  room: Room,
  { caller, fits, kinds }: Streaming,
  { outlet, start }: { outlet: Outlet; start: number },
) {
  const { replica } = room.desk
  // Taken at once, without an await between: this is the state at `start`.
  const all = kinds.flatMap(({ name }) =>
    [...replica.all(name)].filter(({ document }) => fits(name, document)),
  )
  for (const stored of all) await outlet.write(put(room, caller, stored))
  await outlet.write(synced(start, start))
}

type Replaying = {
  readonly from: Place
  readonly start: number
  readonly frame: (turn: Turn) => string | undefined
  readonly outlet: Outlet
}

async function replay({ desk, kinds }: Room, { from, start, frame, outlet }: Replaying) {
  const isKind = new Set(kinds.map(({ name }) => name))
  const abort = new AbortController()
  const first = from.n === Infinity ? from.revision : from.revision - 1
  if (first >= start) return
  for await (const commit of desk.store.watch(first, abort.signal)) {
    if (commit.revision > start) break
    const former = formerIn(commit)
    const documents = commit.changes.filter(({ kind }) => isKind.has(kind))
    for (const [at, { kind, id, value }] of documents.entries()) {
      const n = at + 1
      if (commit.revision === from.revision && n <= from.n) continue
      const after =
        value === undefined
          ? undefined
          : { document: value as unknown as Document, revision: commit.revision }
      const before = former.get(`${kind}/${id}`) ?? after?.document
      const text = frame({
        kind,
        id,
        before,
        after,
        revision: commit.revision,
        n,
        isLast: n === documents.length,
      })
      if (text !== undefined) await outlet.write(text)
    }
    if (commit.revision >= start) break
  }
  abort.abort()
}

function turnsOf({ kinds }: Room, seen: readonly Seen[]): Turn[] {
  const own = seen.filter(({ kind }) => kinds.some(({ name }) => name === kind))
  return own.map(({ kind, id, before, after, revision }, at) => ({
    kind,
    id,
    before: before?.document,
    after,
    revision,
    n: at + 1,
    isLast: at + 1 === own.length,
  }))
}

/** Turns a change into the text of its event, or nothing where the caller sees neither before nor after. */
function framer(room: Room, { caller, fits }: Streaming) {
  return ({ kind, id, before, after, revision, n, isLast }: Turn): string | undefined => {
    const eventId = isLast ? `${revision}` : `${revision}.${n}`
    if (after !== undefined && fits(kind, after.document))
      return `id: ${eventId}\n${put(room, caller, after)}`
    if (before === undefined || !fits(kind, before)) return undefined
    const { project, name } = before
    return `id: ${eventId}\nevent: delete\ndata: ${JSON.stringify({ kind, id, name, project })}\n\n`
  }
}

const put = ({ desk }: Room, { language }: Caller, stored: Stored) =>
  `event: put\ndata: ${JSON.stringify(presented(desk, stored, language))}\n\n`

function kindsFrom(all: readonly Kind[], text: string | undefined): Kind[] {
  if (text === undefined || text === '') return [...all]
  return text.split(',').map((name) => {
    const kind = all.find((kind) => kind.name === name || kind.plural === name)
    if (kind === undefined) throw fieldProblem('kinds', 'query')
    return kind
  })
}

type Choice = {
  readonly kinds: readonly Kind[]
  readonly project: string | undefined
  readonly labels: string | undefined
}

function fitting(room: Room, { principal }: Caller, { kinds, project, labels }: Choice): Fits {
  const sights = new Map<string, Sight>(
    kinds.map((kind) => [kind.name, sightOf(principal, kind, room.kinds)]),
  )
  const selected = selectorFrom(labels)
  const scopes = new Map(kinds.map(({ name, scope }) => [name, scope]))
  return (kind, document) => {
    const sees = sights.get(kind)
    if (sees === undefined || !sees(document as Document) || !selected(document.labels)) return false
    return (
      project === undefined || project === '*' || scopes.get(kind) === 'pool' || document.project === project
    )
  }
}

function fromText(text: string): From {
  if (text === 'now' || text === 'list') return { at: text }
  const [, revision, n] = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text) ?? []
  if (revision === undefined) throw fieldProblem('from', 'form')
  return { at: 'revision', revision: Number(revision), n: n === undefined ? Infinity : Number(n) }
}

/** Problem `store/compacted` before the stream begins, when it could not be without a gap. */
async function checkKept({ desk }: Room, { revision, n }: Place) {
  const first = n === Infinity ? revision : revision - 1
  if (first > desk.replica.revision) throw new Problem('store/compacted', { revision })
  if (first === desk.replica.revision) return
  const abort = new AbortController()
  for await (const _ of desk.store.watch(first, abort.signal)) break
  abort.abort()
}

function enter(room: Room, { principal }: Caller): () => void {
  const mine = counts.get(room) ?? new Map<string, number>()
  counts.set(room, mine)
  const key = `${principal.via}/${principal.user}`
  const count = mine.get(key) ?? 0
  if (count >= limits.watchesPerPrincipal)
    throw new Problem('request/too-many', { limit: limits.watchesPerPrincipal, what: 'watches' })
  mine.set(key, count + 1)
  room.measures.watches++
  return () => {
    const left = (mine.get(key) ?? 1) - 1
    if (left === 0) mine.delete(key)
    else mine.set(key, left)
    room.measures.watches--
  }
}
