/** A desk for tests of the API: the real replica and ledger over a store in memory, and a host made of paper. */

import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { at, type JsonObject } from '#base/json.ts'
import type { Binding } from '#model/access.ts'
import type { Document } from '#model/document.ts'
import { nameClaim } from '#model/reference.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import { ledgerPages, memoryLedger, type LedgerPages } from '#drivers/ledger/memory/ledger.ts'
import type { AuditRecord } from '#drivers/ledger/port.ts'
import type { Ask, ByteChannel, Open } from '#drivers/link/port.ts'
import { memoryDisk, memoryStore, type MemoryDisk } from '#drivers/store/memory/store.ts'
import type { Store } from '#drivers/store/port.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import { Census } from '#program/controller/census.ts'
import type { Desk } from '#program/desk.ts'
import { Replica } from '#runtime/replica.ts'
import { openApi, type Api } from '#api/open.ts'
import { findBottleneck } from '#engines/bottleneck/find.ts'
import { present } from '#base/assert.ts'

export const localToken = 'local-administrator-of-this-test'
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

export type Fakes = {
  ask?: (host: string, ask: Ask) => Promise<Uint8Array>
  open?: (host: string, open: Open) => Promise<ByteChannel>
  store?: Store
  figures?: Desk['figures']
}

/** Nothing was ever measured. */
export const noFigures: Desk['figures'] = {
  read: async ({ stepMs }) => ({ stepMs, times: [], series: {} }),
  recent: () => undefined,
  totals: () => ({}),
  finding: () => findBottleneck(undefined),
  health: () => ({ state: 'none', why: '', lost: 0 }),
}

export type Bench = {
  readonly api: Api
  readonly desk: Desk
  readonly store: Store
  readonly disk: MemoryDisk
  readonly pages: LedgerPages
  readonly logged: string[]
  /** Every audit record, of what was done and of what was refused. */
  records(): Promise<AuditRecord[]>
  close(): Promise<void>
}

/** Opens an API on a disk; on the same disk again it is a restart. */
export async function bench({
  disk = memoryDisk(),
  pages = ledgerPages(),
  fakes = {} as Fakes,
  seeds = true,
  options = {},
} = {}): Promise<Bench> {
  const store = fakes.store ?? memoryStore({ disk })
  const replica = new Replica(
    store,
    kinds.map(({ name }) => name),
  )
  Census.index(replica)
  const stop = new AbortController()
  await replica.start(stop.signal)
  if (seeds && replica.count('project') === 0) await seed(replica)
  const ledger = memoryLedger(pages)
  const desk: Desk = {
    version: '0.0.0-test',
    replica,
    store,
    ledger,
    clock: realClock,
    newId: () => randomUUID(),
    live: () => undefined,
    figures: fakes.figures ?? noFigures,
    ask: fakes.ask ?? (async () => new Uint8Array([1, 2, 3])),
    open: fakes.open ?? (async () => Promise.reject(new Error('nothing opens here'))),
    rehearse: (_before, after) => ({ steps: stepsTo(after), holds: [], predicted: after }),
    act: async (signal) => ({ acted: signal }),
    audited: () => {},
  }
  const logged: string[] = []
  const api = await openApi(desk, {
    allowedHosts: ['localhost', '127.0.0.1'],
    localTokenHash: sha256(localToken),
    log: (line) => logged.push(line),
    ...options,
  })
  return {
    api,
    desk,
    store,
    disk,
    pages,
    logged,
    records: async () => {
      const { entries } = await store.snapshot('outbox')
      const done = entries.map(({ value }) => value as unknown as AuditRecord)
      return [...done, ...(await ledger.audits({ limit: 1_000_000 }))]
    },
    close: async () => {
      await api.close()
      stop.abort()
    },
  }
}

/** As the planner of machines has them: the body that comes carries the wish. */
const stepsTo = ({ kind, spec }: Document): JsonObject[] =>
  kind === 'machine' && at(spec, 'firstBoot') !== null
    ? [{ do: 'create-guest', spec: { firstBoot: at(spec, 'firstBoot'), machineSpec: spec } as JsonObject }]
    : [{ do: 'store' }]

/** A store that takes its time, as a disk does. */
export function slowly(store: Store): Store {
  const commit: Store['commit'] = async (changes) => {
    await sleep(1)
    return store.commit(changes)
  }
  return new Proxy(store, {
    get: (target, name) =>
      name === 'commit' ? commit : (Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)),
  })
}

export type Sketch = {
  kind: string
  name: string
  project?: string | null
  labels?: Record<string, string>
  spec?: JsonObject
  status?: JsonObject
  owner?: string | null
  host?: string | null
}

/** A document as the controller would write it. */
export function documentOf({
  kind,
  name,
  project = null,
  spec = {},
  status = {},
  ...rest
}: Sketch): Document {
  const { version, spec: specSchema, status: statusSchema } = present(kindNamed(kind), 'a kind of ours')
  return {
    kind,
    id: randomUUID(),
    name,
    project,
    generation: 1,
    version,
    createdAtMs: 1,
    labels: {},
    description: '',
    isProtected: false,
    deletingAtMs: null,
    owner: null,
    host: null,
    ...rest,
    spec: specSchema.parse(spec),
    status: { ...(statusSchema.parse({}) as object), ...status },
  }
}

export async function plant(replica: Replica, sketch: Sketch): Promise<Document> {
  const document = documentOf(sketch)
  const { kind, id, project, name } = document
  await replica.commit([
    { op: 'put', kind, id, value: document as unknown as JsonObject, expect: 0 },
    { op: 'claim', claim: nameClaim(kind, project, name), holder: id },
  ])
  return document
}

type Reported = { kind: string; id: string; status?: JsonObject; host?: string }

/** What the controller writes of an object: its status, its host. */
export async function report(replica: Replica, { kind, id, status = {}, host }: Reported) {
  const stored = present(replica.get(kind, id), 'it is there')
  const placed = host === undefined ? {} : { host }
  const value = {
    ...stored.document,
    ...placed,
    status: { ...(stored.document.status as object), ...status },
  }
  await replica.commit([
    { op: 'put', kind, id, value: value as unknown as JsonObject, expect: stored.revision },
  ])
}

/** Takes an object away, as the controller does in the end. */
export async function remove(replica: Replica, document: Document) {
  const { kind, id, project, name } = document
  await replica.commit([
    { op: 'remove', kind, id },
    { op: 'release', claim: nameClaim(kind, project, name), holder: id },
  ])
}

async function seed(replica: Replica) {
  await plant(replica, { kind: 'project', name: 'default' })
  await plant(replica, { kind: 'datastore', name: 'local' })
  await plant(replica, { kind: 'network', name: 'default', project: 'default', spec: { isShared: true } })
  await plant(replica, { kind: 'user', name: 'admin', spec: { bindings: [{ project: '*', role: 'admin' }] } })
}

type Sent = { method?: string; body?: unknown; token?: string | null; headers?: Record<string, string> }
export type Got = {
  status: number
  /** What stands at a dotted path of the body. */
  at: (path: string) => unknown
  text: string
  headers: Record<string, unknown>
  /** The code of the problem, if it is one. */
  code: unknown
  items: Document[]
}

/** One call, as the local administrator unless a token says otherwise. */
export async function call(
  api: Api,
  url: string,
  { method, body, token = localToken, headers = {} }: Sent = {},
): Promise<Got> {
  const response = await api.inject({
    method: (method ?? (body === undefined ? 'GET' : 'POST')) as 'GET',
    url,
    headers: {
      host: 'localhost',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = response.payload
  const isJson = String(response.headers['content-type']).includes('json') && text !== ''
  const json: unknown = isJson ? JSON.parse(text) : undefined
  const items = at(json, 'items')
  return {
    status: response.statusCode,
    at: (path) => at(json, path),
    code: at(json, 'code'),
    items: Array.isArray(items) ? items : [],
    text,
    headers: response.headers,
  }
}

/** A user with these roles, and a token of theirs. */
export async function person({ api }: Bench, name: string, bindings: readonly Binding[]): Promise<string> {
  await call(api, '/api/v1/users', { body: { name, spec: { bindings } } })
  const made = await call(api, '/api/v1/tokens', { body: { name: `${name}-token`, spec: { user: name } } })
  return String(made.at('secret'))
}
