/** The agent's part of networks: what is plugged is noted first, and the whole world follows from notes and wishes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { FakeNetworking } from '#drivers/network/fake/networking.ts'
import { FakeNetwork, newFakePorts } from '#drivers/network/fake/network.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { GuestNic } from '#kinds/guest/parts.ts'
import { network as networkKind } from '#kinds/network/schema.ts'
import { Problem } from '#model/problem.ts'
import { HostNets } from '#program/agent/networks.ts'
import { Wishes } from '#program/agent/wishes.ts'

const net = '0a000000-0000-4000-8000-000000000001'
const guest = '0c000000-0000-4000-8000-000000000001'

const nicOf = (id: string, last: number, more: object = {}) =>
  GuestNic.parse({
    id,
    network: net,
    driver: 'bridge',
    mac: `52:00:00:00:00:0${last}`,
    isRestricted: false,
    address4: `10.0.0.${last}`,
    forwards: [],
    ...more,
  })

async function world() {
  const notebook = new MemoryNotebook()
  const driver = new FakeNetworking()
  const wishes = new Wishes(notebook, () => {})
  const hypervisor = { list: async () => [guest], uidOf: async () => 7 } as never
  const ports = {
    network: new FakeNetwork(newFakePorts()),
    networking: { driver, place: '/x' },
    notebook,
    hypervisor,
    clock: realClock,
    log: () => {},
  }
  let revision = 0
  const wish = (kind: string, id: string, spec: object, more: object = {}) =>
    wishes.take({
      say: 'wish',
      wish: {
        revision: (revision += 1),
        document: {
          kind,
          id,
          name: 'lan',
          project: 'default',
          spec,
          deletingAtMs: null,
          generation: revision,
          ...more,
        } as never,
      },
    })
  const tell = () =>
    wish('network', net, networkKind.spec.parse({ driver: 'bridge', subnet4: '10.0.0.0/24' }))
  return { driver, wishes, notebook, ports, wish, tell, nets: new HostNets(ports, wishes, 'h1') }
}

test('a network that the host was not told of waits; then its guest has a tap of its own uid', async () => {
  const { nets, tell, driver } = await world()
  await assert.rejects(
    nets.plug(guest, nicOf('net0', 2), []),
    (error) => error instanceof Problem && error.code === 'network/not-told',
  )
  await tell()
  const plug = await nets.plug(guest, nicOf('net0', 2, { forwards: [{ guestPort: 80 }] }), [])
  assert.equal(plug.driver, 'tap')
  assert.equal(driver.world.ports[0]?.uid, 7)
  assert.equal(driver.world.forwards[0]?.hostPort, plug.forwards[0]?.hostPort)
})

test('two NICs that are plugged at once are both there; a new agent finds both', async () => {
  const { nets, tell, driver, ports, wishes } = await world()
  await tell()
  await Promise.all([nets.plug(guest, nicOf('net0', 2), []), nets.plug(guest, nicOf('net1', 3), [])])
  assert.deepEqual(
    driver.world.ports.map(({ nic }) => nic),
    ['net0', 'net1'],
  )
  const again = new HostNets(ports, wishes)
  await again.plug(guest, nicOf('net2', 4), [])
  assert.equal(driver.world.ports.length, 3)
})

test('I-20 a plug that failed half-way is made good by the next, and unplugging leaves nothing', async () => {
  const { nets, tell, driver, notebook } = await world()
  await tell()
  driver.fault = () => {
    throw new Problem('tool/failed', { tool: 'ip', why: 'killed' })
  }
  await assert.rejects(nets.plug(guest, nicOf('net0', 2), []))
  driver.fault = undefined
  await nets.plug(guest, nicOf('net0', 2), [])
  assert.equal(driver.world.ports.length, 1)
  for (const _ of [1, 2]) await nets.unplug(guest, 'net0')
  while (driver.world.ports.length > 0) await new Promise((resolve) => setImmediate(resolve))
  await nets.queue.stop()
  assert.deepEqual(notebook.keys('plugs'), [])
  assert.deepEqual(driver.world.ports, [])
})

test('groups, bounds and forwards of a plugged NIC follow the wish while it runs', async () => {
  const { nets, tell, driver, wish } = await world()
  await tell()
  const group = '0b000000-0000-4000-8000-000000000001'
  const nic = nicOf('net0', 2)
  await nets.plug(guest, nic, [])
  await wish('guest', guest, {
    nics: [
      {
        ...nic,
        groups: [group],
        mbitIn: 5,
        forwards: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 0, guestPort: 81 }],
      },
    ],
  })
  const settled = driver.settles
  nets.begin()
  while (driver.settles === settled) await new Promise((resolve) => setImmediate(resolve))
  await nets.queue.stop()
  assert.deepEqual(driver.world.ports[0]?.groups, [group])
  assert.equal(driver.world.ports[0]?.mbitIn, 5)
  assert.equal(driver.world.forwards[0]?.guestPort, 81)
})

test('I-22 a network that the store forgot stays while a guest is on it, and goes with its last', async () => {
  const { nets, tell, driver, wishes } = await world()
  await tell()
  await nets.plug(guest, nicOf('net0', 2), [])
  await wishes.take({ say: 'forget', kind: 'network', id: net })
  const round = async () => {
    const settled = driver.settles
    nets.queue.wake('host')
    while (driver.settles === settled) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  await round()
  assert.equal(driver.world.bridges.length, 1)
  await nets.unplug(guest, 'net0')
  await round()
  assert.equal(driver.world.bridges.length, 0)
  assert.equal(wishes.get('network', net), undefined)
  await nets.queue.stop()
})

test('what is wrong with a network is said once, of the host and of the guests on it, and taken back', async () => {
  const { nets, tell, driver } = await world()
  await tell()
  const news: string[][] = []
  nets.onNews((networks) => news.push([...networks]))
  driver.wrong = [{ network: net, code: 'network/names-down', facts: { why: 'port 53 is taken' } }]
  await nets.plug(guest, nicOf('net0', 2), [])
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  while (news.length === 0) await turn()
  const hold = { code: 'network/names-down', facts: { why: 'port 53 is taken', network: 'lan', host: 'h1' } }
  assert.deepEqual(nets.troubles(), [{ network: net, hold }])
  assert.deepEqual(nets.holdsOf([nicOf('net0', 2)]), [hold])
  assert.deepEqual(nets.holdsOf([nicOf('net0', 2, { network: guest })]), [])
  driver.wrong = []
  driver.refusals.set(net, new Problem('network/interface-missing', { interface: 'eth9' }))
  driver.drift()
  nets.begin()
  while (news.length === 1) await turn()
  assert.equal(nets.troubles()[0]?.hold.code, 'network/not-carried')
  driver.refusals.clear()
  nets.queue.wake('host')
  while (news.length === 2) await turn()
  assert.deepEqual(nets.troubles(), [])
  assert.deepEqual(news, [[net], [net], [net]])
  await nets.queue.stop()
})

test("I-44 the pool's own addresses, as the controller tells them, are guarded from the guests of a host", async () => {
  const { nets, wish, driver } = await world()
  const spec = networkKind.spec.parse({ driver: 'bridge', subnet4: '10.0.0.0/24' })
  const guarded = ['192.0.2.7', '192.0.2.8', '2001:db8::7']
  await wish('network', net, spec, { census: { members: [], guarded } })
  await nets.plug(guest, nicOf('net0', 2), [])
  assert.deepEqual(driver.world.guarded4, ['192.0.2.7/32', '192.0.2.8/32'])
  assert.deepEqual(driver.world.guarded6, ['2001:db8::7/128'])
  await nets.queue.stop()
})
