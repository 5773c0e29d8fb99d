/** What every network driver proves: the promises of `port.ts`, one test each. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { GuestNic } from '#kinds/guest/parts.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { Problem } from '#model/problem.ts'
import type { Network } from './port.ts'

/** The network that the contract's NICs are on. */
export const contractNetwork = '0a000000-0000-4000-8000-000000000077'

export type NetworkRig = {
  readonly network: Network
  /** A port of 127.0.0.1 that a stranger holds until the function is called. */
  occupy(protocol: 'tcp' | 'udp'): Promise<{ readonly port: number; free(): Promise<void> }>
  dispose(): Promise<void>
}

type Nic = GuestSpec['nics'][number]
type Forward = Nic['forwards'][number]

const forward = (guestPort: number, more: Partial<Forward> = {}): Forward => ({
  protocol: 'tcp',
  address: '127.0.0.1',
  hostPort: 0,
  guestPort,
  ...more,
})

/** The network is a name here: drivers that carry networks are shown theirs by their tests. */
const nicWith = (...forwards: Forward[]): Nic =>
  GuestNic.parse({
    id: 'net0',
    network: contractNetwork,
    driver: 'user',
    mac: '02:00:00:00:00:01',
    isRestricted: false,
    address4: '10.77.0.2',
    forwards,
  })

const isBusy = (port: number) => (error: unknown) =>
  error instanceof Problem && error.code === 'network/port-busy' && error.facts['port'] === port

export function obeysNetworkContract(name: string, make: (t: TestContext) => Promise<NetworkRig>) {
  const promise = (title: string, prove: (rig: NetworkRig) => Promise<void>) =>
    test(`network ${name}: ${title}`, async (t) => {
      const rig = await make(t)
      t.after(() => rig.dispose())
      await prove(rig)
    })
  freePorts(promise)
  statedPorts(promise)
}

type Promised = (title: string, prove: (rig: NetworkRig) => Promise<void>) => void

function freePorts(promise: Promised) {
  promise('a NIC without forwards is plugged as it is wished', async ({ network }) => {
    const { id, mac, model, mtu, isLinkUp, forwards } = await network.plug('g', nicWith(), [])
    assert.deepEqual(
      { id, mac, model, mtu, isLinkUp, forwards },
      { id: 'net0', mac: '02:00:00:00:00:01', model: 'virtio', mtu: 1500, isLinkUp: true, forwards: [] },
    )
  })

  promise('host port 0 becomes a free port', async ({ network }) => {
    const nic = nicWith(forward(80), forward(53, { protocol: 'udp' }))
    const { forwards } = await network.plug('g', nic, [])
    assert.deepEqual(
      forwards.map((made) => ({ ...made, hostPort: 0 })),
      nic.forwards,
    )
    for (const { hostPort } of forwards) assert.ok(hostPort >= 1024 && hostPort <= 65535)
  })

  promise('I-27 plugs made at the same time never share a port', async ({ network }) => {
    const nic = nicWith(forward(80), forward(81))
    const plugs = await Promise.all(Array.from({ length: 50 }, (_, g) => network.plug(`g${g}`, nic, [])))
    const ports = plugs.flatMap(({ forwards }) => forwards.map(({ hostPort }) => hostPort))
    assert.equal(new Set(ports).size, 100)
  })

  promise('the port of before is kept while it is free, and only for the same forward', async (rig) => {
    const { port, free } = await rig.occupy('tcp')
    const before = [{ guestPort: 80, protocol: 'tcp', hostPort: port }]
    const taken = await rig.network.plug('g', nicWith(forward(80)), before)
    assert.notEqual(taken.forwards[0]?.hostPort, port)
    await rig.network.unplug('g', 'net0')
    await free()
    const other = await rig.network.plug('g', nicWith(forward(81)), before)
    assert.notEqual(other.forwards[0]?.hostPort, port)
    await rig.network.unplug('g', 'net0')
    const kept = await rig.network.plug('g', nicWith(forward(80)), before)
    assert.equal(kept.forwards[0]?.hostPort, port)
  })

  promise('plugging again keeps the ports; unplugging gives them back and can be repeated', async (rig) => {
    const first = await rig.network.plug('g', nicWith(forward(80)), [])
    const port = first.forwards[0]?.hostPort ?? 0
    const before = [{ guestPort: 80, protocol: 'tcp', hostPort: port }]
    assert.deepEqual(await rig.network.plug('g', nicWith(forward(80)), before), first)
    const stated = nicWith(forward(80, { hostPort: port }))
    await assert.rejects(rig.network.plug('h', stated, []), isBusy(port))
    for (const _ of [1, 2]) await rig.network.unplug('g', 'net0')
    assert.equal((await rig.network.plug('h', stated, [])).forwards[0]?.hostPort, port)
  })
}

function statedPorts(promise: Promised) {
  for (const protocol of ['tcp', 'udp'] as const) {
    promise(
      `a stated ${protocol} port that is taken is refused by its number`,
      async ({ network, occupy }) => {
        const { port, free } = await occupy(protocol)
        const nic = nicWith(forward(79, { protocol }), forward(80, { protocol, hostPort: port }))
        await assert.rejects(network.plug('g', nic, []), isBusy(port))
        await free()
        assert.equal((await network.plug('g', nic, [])).forwards[1]?.hostPort, port)
      },
    )
  }

  promise('one NIC cannot take one port twice', async ({ network, occupy }) => {
    const { port, free } = await occupy('tcp')
    await free()
    const twice = nicWith(forward(80, { hostPort: port }), forward(81, { hostPort: port }))
    await assert.rejects(network.plug('g', twice, []), isBusy(port))
    assert.equal((await network.plug('g', nicWith(forward(80, { hostPort: port })), [])).forwards.length, 1)
  })
}
