/** What reaches into hosts and their networks: only by who looks after the whole pool, on every path (I-43, I-44). */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bench, call, person, plant, type Bench } from './desk.ts'

let on: Bench
let operator: string
before(async () => {
  on = await bench()
  await plant(on.desk.replica, { kind: 'project', name: 'p' })
  operator = await person(on, 'operator', [{ project: 'p', role: 'admin' }])
})
after(() => on.close())

const share = { tag: 'all', folder: '/srv/all' }
const device = { bus: 'pci', address: '0000:03:00.0' }
const bridge = { driver: 'bridge' }
const reaching: readonly (readonly [plural: string, field: string, spec: object])[] = [
  ['machines', 'spec.shares', { shares: [share] }],
  ['machines', 'spec.hostDevices', { hostDevices: [device] }],
  ['images', 'spec.path', { path: '/srv/import/other.qcow2' }],
  ['networks', 'spec.mode', { ...bridge, mode: 'bridged', interface: 'eth0', vlan: 7 }],
  ['networks', 'spec.isFiltered', { ...bridge, mode: 'isolated', isFiltered: false }],
  ['networks', 'spec.subnet4', { ...bridge, subnet4: '0.0.0.0/1' }],
  ['networks', 'spec.subnet4', { ...bridge, subnet4: '10.0.0.0/7' }],
  ['networks', 'spec.subnet4', { ...bridge, subnet4: '9.9.9.0/24' }],
  ['networks', 'spec.subnet6', { ...bridge, subnet6: '2001:db8:1::/64' }],
]

test('no way of writing gives a project what is the host’s', async () => {
  for (const [plural, field, spec] of reaching) {
    const base = `/api/v1/${plural}`
    const ask = async (method: string, url: string, body: object) => {
      const got = await call(on.api, url, { method, body, token: operator })
      return [got.status, got.at('field')]
    }
    const refused = [422, field]
    assert.deepEqual(await ask('POST', `${base}?project=p`, { name: 'a', spec }), refused, field)
    assert.deepEqual(await ask('POST', `${base}?project=p&dryRun=plan`, { name: 'a', spec }), refused)
    assert.deepEqual(await ask('PUT', `${base}/a?project=p`, { spec }), refused)
    const item = { op: 'create', kind: plural.slice(0, -1), project: 'p', name: 'a', body: { spec } }
    const bulk = await call(on.api, '/api/v1/bulk', { body: { items: [item] }, token: operator })
    assert.deepEqual(bulk.at('results.0.problem.field'), field)
  }
})

test('what an administrator wrote may stay, and nothing is added to it', async () => {
  const spec = { ...bridge, mode: 'bridged', interface: 'up0' }
  const made = await call(on.api, '/api/v1/networks?project=p', { body: { name: 'lan', spec } })
  assert.equal(made.status, 201, made.text)
  const url = '/api/v1/networks/lan?project=p'
  const patch = (body: object) =>
    call(on.api, url, {
      method: 'PATCH',
      body,
      token: operator,
      headers: { 'content-type': 'application/merge-patch+json' },
    })
  assert.equal((await patch({ description: 'ours', spec: { mtu: 1400 } })).status, 200)
  assert.equal((await patch({ spec: { vlan: 9 } })).at('field'), 'spec.vlan')
  assert.equal((await patch({ spec: { interface: 'eth0' } })).at('field'), 'spec.interface')
  const own = { ...bridge, subnet4: '10.20.0.0/24', subnet6: 'fd00:20::/64' }
  const plain = await call(on.api, '/api/v1/networks?project=p', {
    body: { name: 'own', spec: own },
    token: operator,
  })
  assert.equal(plain.status, 201, plain.text)
})
