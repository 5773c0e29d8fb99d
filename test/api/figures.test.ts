/** What was measured, over the API: histories, findings, who uses most, Prometheus; each sees their own (I-42). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { findBottleneck } from '#engines/bottleneck/find.ts'
import { recentAfter, type Recent } from '#engines/metering/recent.ts'
import { memoryMetrics } from '#drivers/metrics/memory/metrics.ts'
import type { Document } from '#model/document.ts'
import { bench, call, noFigures, person, plant, type Bench } from './desk.ts'

const metrics = memoryMetrics()
const known = new Map<string, Recent>()
const nowMs = Math.floor(Date.now() / 3_600_000) * 3_600_000
let on: Bench
let web: Document
let other: Document
let host: Document

const situation = (figures: Recent['mean']) => ({
  name: 'web',
  cpus: 2,
  figures,
  disks: [],
  nics: [],
  host: { name: 'h1', figures: {} },
})

async function measure(document: Document, kind: 'machine' | 'host', figures: Record<string, number>) {
  const atMs = nowMs
  known.set(document.id, recentAfter(undefined, kind, { figures, overMs: 10_000, atMs }))
  const subject = { kind, id: document.id }
  await metrics.write(
    Array.from({ length: 360 }, (_, n) => ({ subject, atMs: nowMs - n * 10_000, overMs: 10_000, figures })),
  )
}

before(async () => {
  const figures = {
    ...noFigures,
    read: (span: Parameters<typeof noFigures.read>[0]) => metrics.read({ ...span, nowMs }),
    recent: (_: string, id: string) => known.get(id),
    totals: (_: string, id: string) => known.get(id)?.totals ?? {},
    finding: (id: string) => findBottleneck(known.has(id) ? situation(known.get(id)!.mean) : undefined),
  }
  on = await bench({ fakes: { figures } })
  const { replica } = on.desk
  await plant(replica, { kind: 'project', name: 'lab' })
  web = await plant(replica, { kind: 'machine', name: 'web', project: 'default' })
  other = await plant(replica, { kind: 'machine', name: 'other', project: 'lab' })
  host = await plant(replica, { kind: 'host', name: 'h1' })
  await plant(replica, { kind: 'machine', name: 'asleep', project: 'default' })
  await measure(web, 'machine', {
    cpu: 1.9,
    vcpu: 0.95,
    memoryUsed: 5e8,
    'disk0.readBytes': 1e6,
    'net0.sentBytes': 2,
  })
  await measure(other, 'machine', { cpu: 0.1, vcpu: 0.05, memoryUsed: 9e8 })
  await measure(host, 'host', { cpu: 0.7, 'nic:eth0.sentBytes': 100, 'store:local.busy': 0.5 })
})
after(() => on.close())

test('a history comes in columns, with the resolution that was asked for', async () => {
  const address = `/api/v1/machines/web/metrics?from=${nowMs - 3_600_000}&to=${nowMs}`
  const fine = await call(on.api, `${address}&step=10`)
  assert.deepEqual([fine.status, fine.at('stepMs')], [200, 10_000])
  assert.equal((fine.at('times') as unknown[]).length, 360)
  assert.deepEqual(fine.at('series.cpu.unit'), 'cores')
  assert.equal(fine.at('series.cpu.least'), undefined, 'a sample is its own least and most')
  const coarse = await call(on.api, `${address}&step=600&series=cpu,disk0.readBytes`)
  assert.deepEqual(Object.keys(coarse.at('series') as object), ['cpu', 'disk0.readBytes'])
  assert.deepEqual(coarse.at('series.cpu.most'), [1.9, 1.9, 1.9, 1.9, 1.9, 1.9])
  const host = await call(on.api, `/api/v1/hosts/h1/metrics?from=${nowMs - 60_000}&to=${nowMs}`)
  assert.deepEqual(Object.keys(host.at('series') as object), [
    'cpu',
    'nic:eth0.sentBytes',
    'store:local.busy',
  ])
})

test('what is asked wrongly is refused with the field', async () => {
  const wrong = {
    'from=5&to=5': 'from',
    'from=0&to=9999999999999': 'from',
    'step=9': 'step',
    'step=x': 'step',
    'series=cpu,nothing': 'series',
    'series=disk0': 'series',
    'since=1': 'since',
  }
  for (const [query, field] of Object.entries(wrong)) {
    const got = await call(on.api, `/api/v1/machines/web/metrics?${query}`)
    assert.deepEqual([got.status, got.code, got.at('field')], [422, 'request/invalid', field], query)
  }
  assert.equal((await call(on.api, '/api/v1/machines/none/metrics')).status, 404)
  assert.equal((await call(on.api, '/api/v1/top?sort=size')).status, 422)
  assert.equal((await call(on.api, '/api/v1/top?kind=volume')).status, 422)
})

test('the finding of now is said in words, in the language of who asks', async () => {
  const found = await call(on.api, '/api/v1/machines/web/finding')
  assert.deepEqual([found.at('finding.resource'), found.at('finding.code')], ['cpu', 'bound/cpu'])
  assert.match(String(found.at('finding.message')), /95% busy/)
  const korean = await call(on.api, '/api/v1/machines/web/finding', { headers: { 'accept-language': 'ko' } })
  assert.match(String(korean.at('finding.message')), /사용률이 95%/)
  const asleep = await call(on.api, '/api/v1/machines/asleep/finding')
  assert.deepEqual([asleep.at('finding.resource'), asleep.at('sampledAtMs')], ['unknown', null])
})

test('top gives those that use most first', async () => {
  const names = async (query: string, token?: string) =>
    (await call(on.api, `/api/v1/top?${query}`, token === undefined ? {} : { token })).items.map(
      ({ name }) => name,
    )
  assert.deepEqual(await names(''), ['web', 'other'])
  assert.deepEqual(await names('sort=memory'), ['other', 'web'])
  assert.deepEqual(await names('sort=name&limit=1'), ['other'])
  assert.deepEqual(await names('project=lab'), ['other'])
  assert.deepEqual(await names('kind=host'), ['h1'])
})

test('a tenant sees figures of their own machines only, and of no host (I-42)', async () => {
  const token = await person(on, 'tenant', [{ project: 'lab', role: 'viewer' }])
  const top = await call(on.api, '/api/v1/top?project=*', { token })
  assert.deepEqual([top.items.map(({ name }) => name), top.at('total')], [['other'], 1])
  assert.equal((await call(on.api, '/api/v1/top?kind=host', { token })).at('total'), 0)
  for (const part of ['metrics', 'finding'])
    for (const name of ['web', web.id])
      assert.equal((await call(on.api, `/api/v1/machines/${name}/${part}`, { token })).status, 404)
  assert.equal((await call(on.api, '/api/v1/hosts/h1/metrics', { token })).status, 404)
  const { text } = await call(on.api, '/metrics', { token })
  assert.match(text, /machine="other"/)
  assert.doesNotMatch(text, /web|h1|decant_objects|decant_request/)
})

test('Prometheus gets counters and levels, each metric in one block', async () => {
  const { text } = await call(on.api, '/metrics')
  assert.match(text, /^decant_machine_cpu_seconds_total\{project="default",machine="web"\} 19$/m)
  assert.match(text, /^decant_machine_vcpu_share\{project="lab",machine="other"\} 0\.05$/m)
  assert.match(
    text,
    /^decant_machine_disk_read_bytes_total\{project="default",machine="web",disk="disk0"\} 10000000$/m,
  )
  assert.match(text, /^decant_host_store_busy_share\{host="h1",store="local"\} 0\.5$/m)
  assert.match(text, /^decant_figures_left_out 0$/m)
  const order = text
    .split('\n')
    .flatMap((line) => /^(decant_\w+?)(?:_bucket|_sum|_count)?[{ ]/.exec(line)?.[1] ?? [])
  const blocks = order.filter((name, at) => name !== order[at - 1])
  assert.equal(new Set(blocks).size, blocks.length)
  const heads = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name]) => name)
  assert.equal(new Set(heads).size, heads.length)
})
