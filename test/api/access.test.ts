/** Who may do what: every route with exactly the role it needs, one less, and none; and what is not seen. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Binding, Role } from '#model/access.ts'
import type { Route } from '#api/route.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { bench, call, documentOf, person, plant, sha256, type Bench, type Got } from './desk.ts'

let on: Bench
const tokens: Record<string, string> = {}
const people: Record<string, readonly Binding[]> = {
  'p-viewer': [{ project: 'p', role: 'viewer' }],
  'p-operator': [{ project: 'p', role: 'operator' }],
  'p-admin': [{ project: 'p', role: 'admin' }],
  'q-admin': [{ project: 'q', role: 'admin' }],
  'pool-viewer': [{ project: '*', role: 'viewer' }],
  'pool-operator': [{ project: '*', role: 'operator' }],
  'pool-admin': [{ project: '*', role: 'admin' }],
  nothing: [],
}

before(async () => {
  on = await bench({ fakes: { ask: async () => new Uint8Array([7]), open: async () => contentChannel() } })
  const { replica } = on.desk
  for (const name of ['p', 'q']) await plant(replica, { kind: 'project', name })
  for (const [name, bindings] of Object.entries(people)) tokens[name] = await person(on, name, bindings)
})
after(() => on.close())

/** A host that takes a content and is content with it. */
const contentChannel = (): ByteChannel => ({
  bytes: (async function* () {
    yield Buffer.from('{"ok":true}\n')
  })(),
  write: async () => {},
  end: () => {},
  close: () => {},
})

const lower: Record<Role, Role | undefined> = { viewer: undefined, operator: 'viewer', admin: 'operator' }

const specs: Record<string, object> = {
  token: { user: 'admin' },
  snapshot: { machine: 'm' },
  datastore: { folder: '/srv/more' },
}

let count = 0
const guest = { id: 'g', pid: 1, epoch: 1, boot: 1, startedAtMs: 1, accelerator: 'tcg', proof: null }

/** A fresh object for a route to work on, in project p where its kind has projects. */
async function subject({ kind, action }: Route): Promise<string> {
  const name = `thing-${++count}`
  if (kind === undefined) return name
  const project = isPool(kind) ? null : 'p'
  if (kind === 'machine') {
    const isPaused = action === 'machine.resume'
    const status = { state: isPaused ? 'paused' : 'running', host: 'h', guest }
    await plant(on.desk.replica, { kind, name, project, status })
  } else if (kind === 'image') {
    await plant(on.desk.replica, { kind, name, project, host: 'h', status: { state: 'waiting' } })
  } else if (kind === 'guest') {
    const document = documentOf({ kind: 'machine', name, project: 'p' })
    const base = {
      machine: document.id,
      machineName: name,
      epoch: 1,
      power: 'on',
      boot: 1,
      forceAfterSeconds: 1,
    }
    const rest = {
      machineSpec: {},
      restart: 'never',
      cpus: 1,
      memoryMib: 32,
      machineType: 'q35',
      kernelImage: null,
      kernelDatastore: null,
      commandLine: '',
      disks: [],
      nics: [],
    }
    await plant(on.desk.replica, { kind, name, project, spec: { ...base, ...rest } })
  } else
    await plant(on.desk.replica, {
      kind,
      name,
      project,
      ...(specs[kind] === undefined ? {} : { spec: { ...specs[kind] } }),
    })
  return name
}

const isPool = (kind: string) => ['project', 'host', 'datastore', 'user', 'token'].includes(kind)

/** Calls a route in earnest, on a subject of its own. */
async function attempt(route: Route, token: string | null): Promise<Got> {
  const name = await subject(route)
  const inGuest = route.action.startsWith('machine.file-') ? '&path=/tmp/a' : ''
  const query =
    route.kind !== undefined && !isPool(route.kind)
      ? '?project=p'
      : route.path.endsWith('/audit')
        ? '?project=p'
        : ''
  const url = route.path.replace(/:\w+/, name) + query + inGuest
  const fresh = `fresh-${count}`
  const spec = specs[route.kind ?? ''] ?? {}
  const bodies: Record<string, unknown> = {
    'machine.send-key': { keys: ['a'] },
    'machine.exec': { argv: ['true'] },
    'link.create': { user: 'admin' },
    'session.create': { link: 'x' },
    bulk: { items: [] },
  }
  const isCreate = route.action.endsWith('.create') && route.kind !== undefined
  const body =
    bodies[route.action] ??
    (isCreate ? { name: fresh, spec } : route.action.endsWith('.replace') ? { spec } : {})
  const isRead = route.method === 'GET'
  if (route.takes === 'bytes')
    return call(on.api, url, {
      method: 'PUT',
      body: 'x',
      token,
      headers: { 'content-type': 'application/octet-stream' },
    })
  return call(on.api, url, {
    method: route.method,
    token,
    ...(isRead || route.takes === undefined ? {} : { body }),
  })
}

const isRefused = ({ status }: Got) => status === 401 || status === 403 || status === 404
const sees = (route: Route, got: Got) =>
  route.action.endsWith('.list') && route.scope === 'object' ? got.items.length > 0 : !isRefused(got)

test('every route answers to exactly the role in the table, not to one less, not to nobody', async () => {
  const faults: string[] = []
  for (const route of on.api.routes) {
    if (route.path === '/api/v1/watch') continue
    if (route.role === 'anyone') {
      const got = await attempt(route, null)
      if (got.status >= 500 || got.status === 403)
        faults.push(`${route.method} ${route.path} for anyone: ${got.status}`)
      continue
    }
    const none = await attempt(route, null)
    if (none.status !== 401) faults.push(`${route.method} ${route.path} without sign-in: ${none.status}`)
    if (route.role === 'signed-in') {
      const got = await attempt(route, tokens.nothing ?? '')
      if (isRefused(got) && !route.path.includes('sessions/'))
        faults.push(`${route.method} ${route.path} signed in: ${got.status}`)
      continue
    }
    const isOfPool = route.scope === 'pool' || (route.kind !== undefined && isPool(route.kind))
    // Own things are seen without a role, and datastores by whoever holds any.
    const [prefix, less] = [isOfPool ? 'pool-' : 'p-', lower[route.role]]
    const exact = await attempt(route, tokens[`${prefix}${route.role}`] ?? '')
    if (!sees(route, exact))
      faults.push(`${route.method} ${route.path} with ${prefix}${route.role}: ${exact.status} ${exact.text}`)
    const low = await attempt(route, tokens[less === undefined ? 'nothing' : `${prefix}${less}`] ?? '')
    const isOwnList =
      ['token.list', 'user.list'].includes(route.action) &&
      low.items.every(({ name }) => name.startsWith(`${prefix}${less}`))
    if (sees(route, low) && !isOwnList)
      faults.push(`${route.method} ${route.path} with ${less ?? 'nothing'}: ${low.status}`)
  }
  assert.deepEqual(faults, [])
})

test('the table has every route that the server has', async () => {
  const listed = await call(on.api, '/api/v1/access')
  assert.equal(listed.items.length, on.api.routes.length)
  const { paths } = JSON.parse((await call(on.api, '/api/openapi.json')).text)
  const described = Object.values(paths).flatMap((path) => Object.keys(path as object)).length
  assert.equal(described, on.api.routes.length)
})

test('what one may not see answers exactly like what is not there (I-42)', async () => {
  const { replica } = on.desk
  const secret = await plant(replica, { kind: 'machine', name: 'secret', project: 'q', labels: { a: 'b' } })
  const token = tokens['p-admin'] ?? ''
  const bare = (got: Got, ...names: string[]) =>
    names.reduce((text, name) => text.replaceAll(name, 'X'), got.text)
  const pairs: [string, string, object?][] = [
    ['/api/v1/machines/secret?project=q', '/api/v1/machines/absent?project=q'],
    ['/api/v1/machines/secret?project=q', '/api/v1/machines/absent?project=nowhere'],
    [`/api/v1/machines/${secret.id}`, '/api/v1/machines/00000000-0000-4000-8000-000000000000'],
    ['/api/v1/projects/q', '/api/v1/projects/z'],
    ['/api/v1/machines/secret/start?project=q', '/api/v1/machines/absent/start?project=q', {}],
    ['/api/v1/machines?project=q', '/api/v1/machines?project=z', { name: 'secret' }],
    ['/api/v1/events?project=q', '/api/v1/events?project=z'],
  ]
  for (const [there, absent, body] of pairs) {
    const sent = body === undefined ? { token } : { token, body }
    const [one, other] = [await call(on.api, there, sent), await call(on.api, absent, sent)]
    assert.equal(one.status, 404, there)
    assert.equal(one.status, other.status)
    const names = [
      'secret',
      'absent',
      secret.id,
      '00000000-0000-4000-8000-000000000000',
      '"q"',
      '"z"',
      ' q.',
      ' z.',
      ' q',
      ' z',
    ]
    assert.equal(bare(one, ...names), bare(other, ...names), there)
  }
  const listed = await call(on.api, '/api/v1/machines?project=q', { token })
  assert.deepEqual([listed.at('total'), listed.items], [0, []])
  const all = await call(on.api, '/api/v1/machines?limit=500', { token })
  assert.ok(all.items.every(({ project }) => project === 'p'))
  assert.equal((await call(on.api, '/api/v1/hosts', { token })).at('total'), 0)
})

test('a reference to something unseen is refused like one to nothing', async () => {
  await plant(on.desk.replica, { kind: 'network', name: 'hidden', project: 'q' })
  const token = tokens['p-admin'] ?? ''
  const make = (network: string) =>
    call(on.api, '/api/v1/machines?project=p', { token, body: { name: 'm', spec: { nics: [{ network }] } } })
  const [hidden, absent] = [await make('q/hidden'), await make('q/absent')]
  assert.equal(hidden.code, 'object/reference')
  assert.equal(hidden.text.replaceAll('hidden', 'X'), absent.text.replaceAll('absent', 'X'))
})

test('names are free in each project', async () => {
  const [p, q] = [tokens['p-admin'], tokens['q-admin']]
  assert.equal(
    (await call(on.api, '/api/v1/machines?project=p', { token: p ?? '', body: { name: 'same' } })).status,
    201,
  )
  assert.equal(
    (await call(on.api, '/api/v1/machines?project=q', { token: q ?? '', body: { name: 'same' } })).status,
    201,
  )
})

test('nobody grants more than they hold', async () => {
  const token = tokens['p-admin'] ?? ''
  const grant = (bindings: object[] | undefined, as = token, user = 'p-admin') =>
    call(on.api, '/api/v1/tokens', {
      token: as,
      body: { name: `t-${++count}`, spec: { user, ...(bindings === undefined ? {} : { bindings }) } },
    })
  const narrow = await grant([{ project: 'p', role: 'viewer' }])
  assert.equal(narrow.status, 201, narrow.text)
  assert.equal((await grant([{ project: 'q', role: 'viewer' }])).code, 'request/invalid')
  assert.equal((await grant([{ project: '*', role: 'viewer' }])).code, 'request/invalid')
  assert.equal((await grant(undefined, token, 'pool-admin')).code, 'auth/forbidden')
  const small = String(narrow.at('secret'))
  assert.equal(
    (await call(on.api, '/api/v1/machines?project=p', { token: small, body: { name: 'x' } })).status,
    403,
  )
  assert.equal((await grant(undefined, small)).status, 403, 'a narrowed token makes no token')
  assert.equal(
    (
      await call(on.api, '/api/v1/users/p-admin', {
        token,
        method: 'PATCH',
        body: { spec: { bindings: [] } },
      })
    ).status,
    403,
  )
})

test('a disabled user, an expired or deleted token is nobody', async () => {
  const { api } = on
  const token = await person(on, 'leaver', [{ project: 'p', role: 'viewer' }])
  assert.equal((await call(api, '/api/v1/me', { token })).at('user'), 'leaver')
  await call(api, '/api/v1/users/leaver', { method: 'PATCH', body: { spec: { isDisabled: true } } })
  assert.equal((await call(api, '/api/v1/me', { token })).code, 'auth/invalid')
  await call(api, '/api/v1/users/leaver', { method: 'PATCH', body: { spec: { isDisabled: false } } })
  assert.equal((await call(api, '/api/v1/me', { token })).status, 200)
  await call(api, '/api/v1/tokens/leaver-token', { method: 'PATCH', body: { spec: { expiresAtMs: 1 } } })
  assert.equal((await call(api, '/api/v1/me', { token })).code, 'auth/invalid')
  await call(api, '/api/v1/tokens/leaver-token', { method: 'PATCH', body: { spec: { expiresAtMs: null } } })
  assert.equal((await call(api, '/api/v1/users/leaver', { method: 'DELETE' })).status, 200)
  assert.equal((await call(api, '/api/v1/me', { token })).code, 'auth/invalid')
  assert.equal((await call(api, '/api/v1/tokens/leaver-token')).status, 404)
  const { entries } = await on.store.snapshot('secret')
  assert.ok(!entries.some(({ id }) => id === sha256(token)), 'the hash of its secret is gone too')
  await call(api, '/api/v1/users', { body: { name: 'leaver' } })
  assert.equal((await call(api, '/api/v1/me', { token })).code, 'auth/invalid', 'a namesake is somebody else')
})

test('only the hash of a token is stored (I-45)', async () => {
  const made = await call(on.api, '/api/v1/tokens', { body: { name: 'hashed' } })
  const secret = String(made.at('secret'))
  assert.equal(made.status, 201, made.text)
  assert.match(secret, /^decant_[\w-]{43}$/)
  const { entries } = await on.store.snapshot()
  assert.ok(!JSON.stringify(entries).includes(secret.slice(7)))
  assert.ok(!JSON.stringify(await on.records()).includes(secret.slice(7)))
  assert.equal((await call(on.api, '/api/v1/tokens/hashed')).at('secret'), undefined)
})
