/** The controller's part of networks: what hosts say of them, and what hosts are told of each other. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { host as hostKind, type HostStatus } from '#kinds/host/schema.ts'
import type { NetworkCensus } from '#kinds/network/parts.ts'
import type { NetworkStatus } from '#kinds/network/schema.ts'
import { Census } from '#program/controller/census.ts'
import { edited } from '#program/controller/documents.ts'
import { NetworkHealth } from '#program/controller/network-health.ts'
import { bench, plant } from '../api/desk.ts'

async function pool(t: TestContext) {
  const on = await bench()
  t.after(() => on.close())
  const { replica } = on.desk
  const spec = { driver: 'bridge', subnet4: '10.0.0.0/24' }
  const network = await plant(replica, { kind: 'network', name: 'lan', project: 'default', spec })
  const hostOf = (name: string, more: Partial<HostStatus>) =>
    plant(replica, { kind: 'host', name, status: { ...hostKind.status.parse({}), ...more } as never })
  const says = async (id: string, more: Partial<HostStatus>) =>
    await edited(replica, { kind: 'host', id }, (document) => ({
      ...document,
      status: { ...(document.status as HostStatus), ...more },
    }))
  const status = () => replica.get('network', network.id)?.document.status as NetworkStatus
  return { replica, network, hostOf, says, status }
}

const until = async (is: () => boolean) => {
  while (!is()) await new Promise((resolve) => setImmediate(resolve))
}

test('a network is degraded while a host says what is wrong with it there, and ready again after', async (t) => {
  const { replica, network, hostOf, says, status } = await pool(t)
  new NetworkHealth(replica, assert.ifError).follow()
  const [a, b] = [await hostOf('a', {}), await hostOf('b', {})]
  const hold = (host: string) => ({
    network: network.id,
    hold: { code: 'network/names-down' as const, facts: { network: 'lan', host, why: 'port 53 is taken' } },
  })
  await says(a.id, { networkTroubles: [hold('a')] })
  await says(b.id, { networkTroubles: [hold('b')] })
  await until(() => status().holds.length === 2)
  assert.equal(status().state, 'degraded')
  await says(a.id, { networkTroubles: [] })
  await says(b.id, { networkTroubles: [] })
  await until(() => status().state === 'ready')
  assert.deepEqual(status().holds, [])
})

test("I-44 a host with a guest on a network is told every host's addresses and the controller's, and news of them", async (t) => {
  const { replica, network, hostOf, says } = await pool(t)
  const census = new Census(replica, realClock, () => ['203.0.113.1'])
  const b = await hostOf('b', { addresses: ['192.0.2.2'] })
  await hostOf('a', { addresses: ['192.0.2.1', '203.0.113.1'] })
  await plant(replica, {
    kind: 'guest',
    name: 'g',
    project: 'default',
    host: 'a',
    spec: guestOn(network.id),
    status: {},
  })
  const guardedOf = (told: readonly { document: unknown }[]) =>
    told.map(({ document }) => (document as { census: NetworkCensus }).census.guarded)
  assert.deepEqual(guardedOf(census.of('a')), [['192.0.2.1', '192.0.2.2', '203.0.113.1']])
  const news: unknown[] = []
  census.onNews(
    (host, counting) => news.push([host, guardedOf([counting])]),
    () => {},
  )
  await says(b.id, { addresses: ['192.0.2.9'] })
  await until(() => news.length > 0)
  assert.deepEqual(news, [['a', [['192.0.2.1', '192.0.2.9', '203.0.113.1']]]])
})

const guestOn = (network: string) => ({
  machine: 'm',
  machineName: 'm',
  epoch: 1,
  power: 'on',
  boot: 1,
  forceAfterSeconds: 60,
  restart: 'never',
  cpus: 1,
  memoryMib: 64,
  machineType: 'q35',
  kernelImage: null,
  kernelDatastore: null,
  commandLine: '',
  disks: [],
  nics: [
    { id: 'net0', network, driver: 'bridge', mac: '52:00:00:00:00:02', isRestricted: false, forwards: [] },
  ],
  machineSpec: {},
})
