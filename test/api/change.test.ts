/** Changing things: preconditions, repeats, rehearsals, waiting, several at once, quota, audit. */

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, test } from 'node:test'
import { Problem } from '#model/problem.ts'
import { memoryDisk, memoryStore } from '#drivers/store/memory/store.ts'
import { sweep } from '#api/sweep.ts'
import { ledgerPages } from '#drivers/ledger/memory/ledger.ts'
import { bench, call, person, plant, remove, report, slowly, type Bench, type Fakes } from './desk.ts'

let on: Bench
beforeEach(async () => {
  on = await bench()
})
afterEach(() => on.close())

const machines = '/api/v1/machines'
const make = (name: string, more: object = {}, headers: Record<string, string> = {}) =>
  call(on.api, machines, { body: { name, ...more }, headers })

test('If-Match and If-None-Match hold over the generation', async () => {
  await make('a')
  const patch = (match: string) =>
    call(on.api, `${machines}/a`, {
      method: 'PATCH',
      body: { spec: { cpus: 3 } },
      headers: { 'if-match': match },
    })
  assert.equal((await patch('"7"')).code, 'request/precondition')
  assert.equal((await patch('W/"1"')).status, 412)
  assert.equal((await patch('7')).code, 'request/malformed')
  assert.equal((await patch('"9", "1"')).headers.etag, '"2"')
  assert.equal((await patch('"1"')).status, 412)
  assert.equal((await patch('*')).status, 200)
  assert.equal((await make('a', {}, { 'if-none-match': '*' })).status, 412)
  const put = (name: string, headers: Record<string, string>) =>
    call(on.api, `${machines}/${name}`, { method: 'PUT', body: {}, headers })
  assert.equal((await put('a', { 'if-none-match': '*' })).status, 412)
  assert.equal((await put('b', { 'if-match': '*' })).status, 412)
  assert.equal((await put('b', { 'if-none-match': '*' })).status, 201)
})

test('generation rises only with the wish; what is as it was is not written', async () => {
  const first = await make('a')
  const again = await call(on.api, `${machines}/a`, { method: 'PATCH', body: { spec: { cpus: 1 } } })
  assert.deepEqual([again.at('generation'), again.at('revision')], [1, first.at('revision')])
  await report(on.desk.replica, { kind: 'machine', id: String(first.at('id')), status: { state: 'running' } })
  const now = await call(on.api, `${machines}/a`)
  assert.deepEqual([now.at('generation'), now.at('status.state')], [1, 'running'])
})

test('what was read can be sent back; what Decant writes cannot be patched', async () => {
  const made = await make('a', { labels: { tier: 'web' }, spec: { cpus: 2 } })
  const back = await call(on.api, `${machines}/a`, { method: 'PUT', body: made.text })
  assert.equal(back.status, 200, back.text)
  assert.equal(back.at('generation'), 1)
  for (const [field, value] of Object.entries({
    status: {},
    owner: 'x',
    host: 'h',
    generation: 9,
    name: 'b',
    project: 'q',
    id: 'x',
    deletingAtMs: 1,
  })) {
    const got = await call(on.api, `${machines}/a`, { method: 'PATCH', body: { [field]: value } })
    assert.deepEqual([got.code, got.at('field')], ['object/fixed', field])
  }
  const forged = await make('b', { status: { state: 'running' }, host: 'h', owner: 'x', generation: 50 })
  assert.deepEqual(
    [forged.at('status.state'), forged.at('host'), forged.at('owner'), forged.at('generation')],
    ['pending', null, null, 1],
  )
})

test('a repeated request acts once and gets the same answer, also after a restart (I-21)', async () => {
  const disk = memoryDisk()
  const pages = ledgerPages()
  const first = await bench({ disk, pages })
  const headers = { 'idempotency-key': 'k-1' }
  const body = { name: 'once' }
  const one = await call(first.api, machines, { body, headers })
  const two = await call(first.api, machines, { body, headers })
  await first.close()
  const second = await bench({ disk, pages })
  const three = await call(second.api, machines, { body, headers })
  assert.equal(one.status, 201)
  for (const again of [two, three]) {
    assert.equal(again.status, 201)
    assert.equal(again.text, one.text)
  }
  const other = await call(second.api, machines, { body: { name: 'other' }, headers })
  assert.equal(other.code, 'request/idempotency-mismatch')
  assert.equal(second.desk.replica.count('machine'), 1)
  const records = (await second.records()).filter(({ action }) => action === 'machine.create')
  assert.deepEqual(records.map(({ outcome }) => outcome).toSorted(), ['done', 'refused'])
  await second.close()
})

test('twins that arrive together act once', async () => {
  const headers = { 'idempotency-key': 'twins' }
  const got = await Promise.all(
    Array.from({ length: 20 }, () => call(on.api, machines, { body: { name: 'twin' }, headers })),
  )
  assert.ok(got.every(({ status, text }) => status === 201 && text === got[0]?.text))
  const records = (await on.records()).filter(({ action }) => action === 'machine.create')
  assert.equal(records.length, 1)
})

test('keys are checked, kept for a while, then forgotten (I-48)', async () => {
  for (const key of ['', 'x'.repeat(129), 'a b', 'é']) {
    const got = await make('a', {}, { 'idempotency-key': key })
    assert.deepEqual([got.status, got.at('field')], [422, 'idempotency-key'], JSON.stringify(key))
  }
  await make('a', {}, { 'idempotency-key': 'x'.repeat(128) })
  const late = { ...on.desk, clock: { ...on.desk.clock, now: () => Date.now() + 25 * 3_600_000 } }
  assert.equal(await sweep({ desk: late }), 1)
  assert.equal((await on.store.snapshot('idempotency')).entries.length, 0)
})

test('a signal is sent at most once for a key', async () => {
  let resets = 0
  const ask = async () => {
    resets++
    return new Uint8Array()
  }
  const own = await bench({ fakes: { ask } })
  const guest = { id: 'g', pid: 1, epoch: 4, boot: 1, startedAtMs: 1, accelerator: 'tcg', proof: null }
  await plant(own.desk.replica, {
    kind: 'machine',
    name: 'm',
    project: 'default',
    status: { state: 'running', host: 'h', guest },
  })
  const reset = (headers: Record<string, string>) =>
    call(own.api, `${machines}/m/reset`, { body: {}, headers })
  const got = await Promise.all([1, 2, 3].map(() => reset({ 'idempotency-key': 'r' })))
  assert.deepEqual(
    got.map(({ status }) => status),
    [202, 202, 202],
  )
  assert.equal(resets, 1)
  await reset({})
  assert.equal(resets, 2)
  await own.close()
})

test('dryRun=plan says what would be done and changes nothing', async () => {
  const before = await on.store.revision()
  const made = await call(on.api, `${machines}?dryRun=plan`, { body: { name: 'a', spec: { cpus: 8 } } })
  assert.equal(made.status, 200, made.text)
  assert.deepEqual([made.at('dryRun'), made.at('before'), made.at('after.spec.cpus')], ['plan', null, 8])
  assert.deepEqual(made.at('steps'), [{ do: 'store' }])
  assert.equal((await call(on.api, `${machines}?dryRun=yes`, { body: { name: 'a' } })).status, 422)
  assert.equal(
    (await call(on.api, `${machines}?dryRun=plan`, { body: { name: 'a', spec: { cpus: 0 } } })).at('field'),
    'spec.cpus',
  )
  assert.equal(await on.store.revision(), before)
  await make('a')
  const patched = await call(on.api, `${machines}/a?dryRun=plan`, {
    method: 'PATCH',
    body: { spec: { cpus: 2 } },
  })
  assert.deepEqual(patched.at('changes'), [{ path: 'spec.cpus', before: 1, after: 2 }])
  assert.equal((await call(on.api, `${machines}/a?dryRun=plan`, { method: 'DELETE' })).status, 200)
  assert.equal((await call(on.api, `${machines}/a`)).at('deletingAtMs'), null)
})

test('wait answers when it came true, early when it failed, late as a problem', async () => {
  const { replica } = on.desk
  const found = async (name: string) => {
    for (;;) {
      const stored = replica.find('machine', 'default', name)
      if (stored !== undefined) return stored.document.id
      await sleep(1)
    }
  }
  const ready = call(on.api, `${machines}?wait=5`, { body: { name: 'a' } })
  const id = await found('a')
  await report(replica, { kind: 'machine', id, status: { state: 'running', reached: 1 } })
  const got = await ready
  assert.deepEqual([got.status, got.at('status.state')], [201, 'running'])
  const failing = call(on.api, `${machines}?wait=5`, { body: { name: 'b' } })
  const holds = [{ code: 'machine/image-failed', facts: { image: 'x' } }]
  await report(replica, { kind: 'machine', id: await found('b'), status: { holds } })
  assert.deepEqual([(await failing).code, (await failing).status], ['object/failed', 409])
  const late = await call(on.api, `${machines}?wait=1`, { body: { name: 'c' } })
  assert.deepEqual([late.status, late.code], [504, 'request/timeout'])
  assert.equal((await call(on.api, `${machines}?wait=601`, { body: { name: 'd' } })).status, 422)
  const going = call(on.api, `${machines}/a?wait=5`, { method: 'DELETE' })
  while (replica.get('machine', id)?.document.deletingAtMs === null) await sleep(1)
  await remove(replica, replica.get('machine', id)!.document)
  assert.equal((await going).status, 200)
})

test('wait=ready answers once the guest says that it is done, and a change is waited for until it came true', async () => {
  const { replica } = on.desk
  const made = await call(on.api, machines, { body: { name: 'inside' } })
  const id = String(made.at('id'))
  await report(replica, { kind: 'machine', id, status: { state: 'running', reached: 1 } })
  const isOver = { inside: false, larger: false }
  const inside = call(on.api, `${machines}/inside?wait=ready`, { method: 'PATCH', body: { spec: {} } })
  void inside.then(() => (isOver.inside = true))
  await sleep(50)
  assert.ok(!isOver.inside)
  const ready = { sinceMs: 1, by: 'agent' }
  await report(replica, { kind: 'machine', id, status: { ready } })
  assert.deepEqual([(await inside).status, (await inside).at('status.ready')], [200, ready])
  const larger = call(on.api, `${machines}/inside?wait=5`, { method: 'PATCH', body: { spec: { cpus: 2 } } })
  void larger.then(() => (isOver.larger = true))
  while (replica.get('machine', id)?.document.generation !== 2) await sleep(1)
  const held = [{ code: 'guest/change-pending', facts: { part: 'cpus' } }]
  await report(replica, { kind: 'machine', id, status: { reached: 2, holds: held } })
  await sleep(50)
  assert.ok(!isOver.larger)
  await report(replica, { kind: 'machine', id, status: { holds: [] } })
  assert.equal((await larger).status, 200)
})

test('bulk: a result and a record for each item', async () => {
  const items = [
    { op: 'create', kind: 'machine', body: { name: 'a' } },
    { op: 'create', kind: 'machine', body: { name: 'a' } },
    { op: 'create', kind: 'nonsense', body: {} },
    { op: 'verb', kind: 'machine', name: 'a', verb: 'stop', input: { forceAfterSeconds: 3 } },
    { op: 'patch', kind: 'machine', name: 'a', body: { spec: { cpus: 'x' } } },
    { op: 'delete', kind: 'machine', name: 'a' },
    { op: 'delete', kind: 'machine', name: 'absent' },
  ]
  const got = await call(on.api, '/api/v1/bulk', { body: { items }, headers: { 'idempotency-key': 'b' } })
  assert.equal(got.status, 200, got.text)
  const results = got.at('results') as { status: number; problem?: { code: string } }[]
  assert.deepEqual(
    results.map(({ status }) => status),
    [201, 409, 422, 200, 422, 202, 404],
  )
  assert.equal((await on.records()).length, items.length)
  const again = await call(on.api, '/api/v1/bulk', { body: { items }, headers: { 'idempotency-key': 'b' } })
  assert.equal(again.at('results.0.object.id'), got.at('results.0.object.id'))
  const many = Array.from({ length: 501 }, () => items[6])
  assert.equal((await call(on.api, '/api/v1/bulk', { body: { items: many } })).status, 422)
})

test('200 parallel creates hold the quota and the names (I-26, I-27)', async () => {
  await plant(on.desk.replica, {
    kind: 'project',
    name: 'small',
    spec: { quota: { machines: 10, cpus: 15, memoryMib: 10_000 } },
  })
  const got = await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      call(on.api, `${machines}?project=small`, { body: { name: `m-${at % 150}`, spec: { cpus: 2 } } }),
    ),
  )
  const made = got.filter(({ status }) => status === 201).length
  assert.equal(made, 7)
  assert.ok(
    got.every(({ status, code }) => status === 201 || code === 'quota/exceeded' || code === 'object/exists'),
  )
  const [first] = [...on.desk.replica.all('machine')]
  await remove(on.desk.replica, first!.document)
  assert.equal(
    (await call(on.api, `${machines}?project=small`, { body: { name: 'z', spec: { cpus: 2 } } })).status,
    201,
  )
  assert.equal(
    (await call(on.api, `${machines}?project=small`, { body: { name: 'y', spec: { cpus: 2 } } })).code,
    'quota/exceeded',
  )
})

test('one named by its id, from elsewhere, is held to the quota of its own project (I-26)', async () => {
  await on.close()
  on = await bench({ fakes: { store: slowly(memoryStore()) } })
  await plant(on.desk.replica, { kind: 'project', name: 'tight', spec: { quota: { memoryMib: 300 } } })
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, at) =>
      call(on.api, `${machines}?project=tight`, { body: { name: `m-${at}`, spec: { memoryMib: 32 } } }),
    ),
  )
  const got = await Promise.all(
    made.map((machine) =>
      call(on.api, `${machines}/${String(machine.at('id'))}`, {
        method: 'PATCH',
        body: { spec: { memoryMib: 70 } },
      }),
    ),
  )
  assert.deepEqual(got.map(({ code }) => code ?? 'done').toSorted(), [
    'done',
    ...Array.from({ length: 7 }, () => 'quota/exceeded'),
  ])
})

test('the quota holds although another writer wins every other race', async () => {
  const disk = memoryDisk()
  let races = 0
  const rival = memoryStore({ disk })
  const store = memoryStore({ disk })
  const own = await bench({
    disk,
    fakes: {
      store: new Proxy(store, {
        get: (target, name) =>
          name === 'commit'
            ? async (changes: Parameters<typeof store.commit>[0]) => {
                const usage = changes.find((change) => 'kind' in change && change.kind === 'usage')
                if (usage !== undefined && races++ < 5)
                  await rival.commit([{ op: 'put', kind: 'usage', id: 'small', value: { races } }])
                return store.commit(changes)
              }
            : (Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)),
      }),
    } as Fakes,
  })
  await plant(own.desk.replica, { kind: 'project', name: 'small', spec: { quota: { machines: 2 } } })
  const got = []
  for (const name of ['a', 'b', 'c'])
    got.push((await call(own.api, `${machines}?project=small`, { body: { name } })).status)
  assert.deepEqual(got, [201, 201, 409])
  assert.ok(races > 5)
  await own.close()
})

test('one name, two hundred at once: exactly one has it', async () => {
  const got = await Promise.all(Array.from({ length: 200 }, () => make('only')))
  assert.equal(got.filter(({ status }) => status === 201).length, 1)
  assert.ok(got.every(({ status, code }) => status === 201 || code === 'object/exists'))
})

test('nothing vanishes under what is being made: a network and its machine, in parallel', async () => {
  await on.close()
  on = await bench({ fakes: { store: slowly(memoryStore()) } })
  for (let round = 0; round < 30; round++) {
    await plant(on.desk.replica, { kind: 'network', name: `n-${round}`, project: 'default' })
    const [made, gone] = await Promise.all([
      make(`m-${round}`, { spec: { nics: [{ network: `n-${round}` }] } }),
      call(on.api, `/api/v1/networks/n-${round}`, { method: 'DELETE' }),
    ])
    assert.equal(
      [made.status === 201, gone.status === 200].filter(Boolean).length,
      1,
      `${made.text} ${gone.text}`,
    )
  }
})

test('each changing call has exactly one audit record, done or refused (I-41)', async () => {
  const token = await person(on, 'eve', [{ project: 'default', role: 'viewer' }])
  const start = (await on.records()).length
  const calls: [string, string, Promise<unknown>][] = [
    ['machine.create', 'done', make('a')],
    ['machine.create', 'refused', make('a b')],
    ['machine.create', 'refused', call(on.api, machines, { body: { name: 'b' }, token })],
    ['machine.create', 'refused', call(on.api, machines, { body: { name: 'b' }, token: null })],
    ['machine.create', 'refused', call(on.api, machines, { body: '{"name":', method: 'POST' })],
    [
      'machine.create',
      'refused',
      call(on.api, machines, { body: 'x', headers: { 'content-type': 'text/plain' } }),
    ],
    ['machine.delete', 'refused', call(on.api, `${machines}/zzz`, { method: 'DELETE' })],
    [
      'network.patch',
      'done',
      call(on.api, '/api/v1/networks/default', { method: 'PATCH', body: { description: 'x' } }),
    ],
    ['session.create', 'refused', call(on.api, '/api/v1/sign-in', { body: { link: 'wrong' }, token: null })],
  ]
  await Promise.all(calls.map(([, , promise]) => promise))
  const records = (await on.records()).slice(0)
  assert.equal(records.length - start, calls.length)
  const words = (list: readonly (readonly [string, string])[]) =>
    list.map((pair) => pair.join(' ')).toSorted()
  const mine = records.filter(({ user, kind }) => !(user === 'admin' && ['user', 'token'].includes(kind)))
  assert.deepEqual(
    words(mine.map(({ action, outcome }) => [action, outcome])),
    words(calls.map(([action, outcome]) => [action, outcome])),
  )
  await call(on.api, machines)
  await call(on.api, `${machines}?dryRun=plan`, { body: { name: 'c' } })
  assert.equal((await on.records()).length, records.length, 'looking and rehearsing leave no record')
})

test('a store that fails refuses clearly and does nothing by halves (I-15)', async () => {
  let isFull = false
  const own = await bench({
    fakes: {
      store: memoryStore({
        beforeCommit: () => {
          if (isFull) throw new Problem('store/full')
        },
      }),
    } as Fakes,
  })
  isFull = true
  const got = await call(own.api, machines, { body: { name: 'a' } })
  assert.deepEqual([got.status, got.code], [507, 'store/full'])
  assert.equal((await call(own.api, machines)).status, 200)
  isFull = false
  assert.equal((await call(own.api, machines, { body: { name: 'a' } })).status, 201)
  await own.close()
})

test('deleting: protected, used, owned, a project with something in it', async () => {
  const { replica } = on.desk
  await make('a', { isProtected: true })
  assert.equal((await call(on.api, `${machines}/a`, { method: 'DELETE' })).code, 'object/protected')
  assert.equal((await call(on.api, '/api/v1/networks/default', { method: 'DELETE' })).code, 'object/in-use')
  assert.equal(
    (await call(on.api, '/api/v1/projects/default', { method: 'DELETE' })).at('facts.reason'),
    'project/not-empty',
  )
  const machine = replica.find('machine', 'default', 'a')!.document
  await plant(replica, { kind: 'volume', name: 'boot', project: 'default', owner: machine.id })
  const owned = await call(on.api, '/api/v1/volumes/boot', {
    method: 'DELETE',
    headers: { 'accept-language': 'ko' },
  })
  assert.equal(owned.at('facts.reason'), 'object/owned')
  assert.match(String(owned.at('detail')), /딸린/)
  await call(on.api, `${machines}/a`, { method: 'PATCH', body: { isProtected: false } })
  assert.equal((await call(on.api, `${machines}/a`, { method: 'DELETE' })).status, 202)
  assert.equal(
    (await call(on.api, `${machines}/a`, { method: 'PATCH', body: { spec: { cpus: 2 } } })).code,
    'object/deleting',
  )
  assert.equal((await call(on.api, `${machines}/a/start`, { body: {} })).code, 'object/deleting')
  assert.equal(
    (await call(on.api, `${machines}/a`, { method: 'DELETE' })).status,
    202,
    'deleting again is no error',
  )
  await plant(replica, { kind: 'project', name: 'empty' })
  assert.equal((await call(on.api, '/api/v1/projects/empty', { method: 'DELETE' })).status, 200)
  assert.deepEqual(await on.store.claims('name/project//empty'), [])
})
