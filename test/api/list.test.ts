/** Pages: selection, order, paging that stays right under change, and quick with many objects. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { JsonObject } from '#base/json.ts'
import { randomFrom, wholeFrom } from '#base/random.ts'
import { bench, call, documentOf, person, plant, remove, type Bench } from './desk.ts'

let on: Bench
before(async () => {
  on = await bench()
  await plant(on.desk.replica, { kind: 'project', name: 'p' })
  for (let at = 0; at < 40; at++)
    await plant(on.desk.replica, {
      kind: 'machine',
      name: `m-${String(at).padStart(2, '0')}`,
      project: at % 2 === 0 ? 'p' : 'default',
      labels: at % 4 === 0 ? { tier: 'web', n: String(at) } : { tier: 'db' },
      spec: { cpus: (at % 5) + 1 },
      status: { state: at % 3 === 0 ? 'running' : 'stopped' },
    })
})
after(() => on.close())

const list = (query: string) => call(on.api, `/api/v1/machines?${query}`)
const names = async (query: string) => (await list(query)).items.map(({ name }) => name)

test('labels, fields, search and project select together', async () => {
  assert.equal((await list('')).at('total'), 40)
  assert.equal((await list('project=p')).at('total'), 20)
  assert.equal((await list('labels=tier=web')).at('total'), 10)
  assert.equal((await list('labels=tier!=web')).at('total'), 30)
  assert.equal((await list('labels=n')).at('total'), 10)
  assert.equal((await list('labels=!n,tier=db')).at('total'), 30)
  assert.equal((await list('status.state=running')).at('total'), 14)
  assert.equal((await list('status.state!=running')).at('total'), 26)
  assert.equal((await list('spec.cpus=1&spec.cpus=2')).at('total'), 16)
  assert.deepEqual(await names('search=M-07'), ['m-07'])
  assert.deepEqual(await names('labels=tier=web&status.state=running&project=p'), [
    'm-00',
    'm-12',
    'm-24',
    'm-36',
  ])
  for (const bad of [
    'nonsense=1',
    'spec=1',
    'labels==',
    'limit=0',
    'limit=501',
    'limit=1.5',
    'sort=%20',
    'cursor=abc',
    'limit=1&limit=2',
    '__proto__.x=1',
  ])
    assert.equal((await list(bad)).status, 422, bad)
})

test('order by any path, up and down, with a second one', async () => {
  const got = (await list('sort=-spec.cpus,name&limit=500')).items.map(
    ({ spec, name }) => [(spec as { cpus: number }).cpus, name] as const,
  )
  const wanted = got.toSorted((a, b) => b[0] - a[0] || (a[1] < b[1] ? -1 : 1))
  assert.deepEqual(got, wanted)
})

test('pages put together are the whole, although objects come and go in between', async () => {
  const random = randomFrom(5)
  for (const sort of ['name', '-name', 'status.state,-spec.cpus', 'createdAtMs']) {
    const stay = new Set((await list('limit=500')).items.map(({ id }) => id))
    const seen: string[] = []
    let cursor = ''
    do {
      const page = await list(`limit=7&sort=${sort}${cursor}`)
      seen.push(...page.items.map(({ id }) => id))
      const next = page.at('next')
      cursor = next === null ? '' : `&cursor=${String(next)}`
      const coming = await plant(on.desk.replica, {
        kind: 'machine',
        name: `x-${wholeFrom(random, 1e9)}`,
        project: 'p',
      })
      if (wholeFrom(random, 2) === 0) await remove(on.desk.replica, coming)
    } while (cursor !== '')
    assert.equal(new Set(seen).size, seen.length, 'nothing twice')
    assert.ok(
      [...stay].every((id) => seen.includes(id)),
      `nothing left out by ${sort}`,
    )
  }
})

test('a cursor belongs to its order', async () => {
  const { at } = await list('limit=3&sort=name')
  assert.equal((await list(`sort=-name&cursor=${String(at('next'))}`)).at('field'), 'cursor')
})

test('a filtered, sorted page of 100 of 25,000 machines is quick', async (t) => {
  const own = await bench()
  const { replica } = own.desk
  for (let batch = 0; batch < 250; batch++) {
    await own.store.commit(
      Array.from({ length: 100 }, (_, at) => {
        const number = batch * 100 + at
        const document = documentOf({
          kind: 'machine',
          name: `vm-${(number * 7919) % 25_000}`,
          project: 'default',
          labels: { tier: number % 3 === 0 ? 'web' : 'db' },
          status: {
            state: number % 2 === 0 ? 'running' : 'stopped',
            sinceMs: (number * 104_729) % 1_000_003,
          },
        })
        return {
          op: 'put' as const,
          kind: 'machine',
          id: document.id,
          value: document as unknown as JsonObject,
        }
      }),
    )
  }
  await replica.reached(await own.store.revision())
  const token = await person(own, 'tenant', [{ project: 'default', role: 'viewer' }])
  const query = '/api/v1/machines?status.state=running&labels=tier=web&sort=-status.sinceMs,name&limit=100'
  const times: number[] = []
  let cursor = ''
  for (let round = 0; round < 150; round++) {
    // The lesser of clock and processor: others may keep this machine busy, collectors run beside us.
    const [start, used] = [performance.now(), process.cpuUsage()]
    const got = await call(own.api, query + cursor, { token })
    const { user, system } = process.cpuUsage(used)
    times.push(Math.min(performance.now() - start, (user + system) / 1000))
    assert.equal(got.items.length > 0, true)
    const next = got.at('next')
    cursor = next === null ? '' : `&cursor=${String(next)}`
  }
  times.sort((a, b) => a - b)
  const [p50 = 0, p99 = 0] = [times[75], times[148]]
  t.diagnostic(`p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`)
  // Twice the promise: the bench, alone on its machine, holds the promise itself.
  assert.ok(p99 < 40, `p99 ${p99}`)
  await own.close()
})
