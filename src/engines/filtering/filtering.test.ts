import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { isWithin, subnetFrom } from '#engines/addressing/address.ts'
import { GuestNic } from '#kinds/guest/parts.ts'
import type { Allow } from '#kinds/network/parts.ts'
import { network } from '#kinds/network/schema.ts'
import { Rule, securityGroup } from '#kinds/security-group/schema.ts'
import { allowsOf, groupFrom, mergedRanges, type ToldGroup } from './allow.ts'
import { bridgeName, instanceOf, portName } from './names.ts'
import { worldOf, type Told } from './world.ts'

type Packet = { readonly protocol: 'tcp' | 'udp' | 'icmp'; readonly port: number; readonly peer: string }

const members: Readonly<Record<string, readonly string[]>> = { friends: ['10.0.0.5', 'fd00::5'], nobody: [] }

/** What a person reads in a rule. */
function isMeant(rule: Rule, { protocol, port, peer }: Packet): boolean {
  if (rule.protocol !== 'any' && rule.protocol !== protocol) return false
  const hasPorts = (rule.protocol === 'tcp' || rule.protocol === 'udp') && rule.fromPort !== null
  if (hasPorts && (port < (rule.fromPort ?? 0) || port > (rule.toPort ?? rule.fromPort ?? 0))) return false
  const isAnybody = rule.addresses.length === 0 && rule.group === null
  return (
    isAnybody ||
    rule.addresses.some((each) => isWithin(peer, subnetFrom(each))) ||
    (rule.group !== null && (members[rule.group]?.includes(peer) ?? false))
  )
}

/** What hosts make of it. */
function isAllowed({ protocol, ports, peers }: Allow, packet: Packet): boolean {
  if (protocol !== 'any' && protocol !== packet.protocol) return false
  if (ports.length > 0 && !ports.some(([from, to]) => packet.port >= from && packet.port <= to)) return false
  if (peers === null) return true
  if ('group' in peers) return members[peers.group.replace(/^id-/, '')]?.includes(packet.peer) ?? false
  return [...peers.nets4, ...peers.nets6].some((each) => isWithin(packet.peer, subnetFrom(each)))
}

const peer = fc.constantFrom(
  '10.0.0.5',
  '10.0.0.6',
  '10.0.1.5',
  '192.0.2.1',
  'fd00::5',
  'fd00::6',
  '2001:db8::1',
)
const rule = fc.record({
  direction: fc.constantFrom('in', 'out'),
  protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'any'),
  fromPort: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
  toPort: fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
  addresses: fc.array(
    fc.constantFrom('10.0.0.0/24', '10.0.0.5', '10.0.0.0/8', 'fd00::/64', '2001:db8::1', '0.0.0.0/0', '::/0'),
    { maxLength: 3 },
  ),
  group: fc.constantFrom(null, 'friends', 'nobody', 'unknown'),
})
const packet = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
  port: fc.integer({ min: 1, max: 13 }),
  peer,
})

const told = (rules: unknown, more: Partial<ToldGroup> = {}): ToldGroup => ({
  id: 'g',
  spec: securityGroup.spec.parse({ rules }),
  resolved: { friends: 'id-friends', nobody: 'id-nobody', unknown: null },
  members4: [],
  members6: [],
  membersMac: [],
  ...more,
})

test('what hosts let pass is what the rules of a group say, each way', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 12 }),
      fc.array(packet, { minLength: 10, maxLength: 30 }),
      (rules, packets) => {
        const group = told(rules)
        for (const way of ['in', 'out'] as const) {
          const allows = allowsOf(group, way)
          for (const each of packets) {
            const meant = group.spec.rules.some(
              (one) => one.direction === way && isMeant(one, each as Packet),
            )
            assert.equal(
              allows.some((allow) => isAllowed(allow, each as Packet)),
              meant,
              JSON.stringify({ each, allows }),
            )
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('many rules become few entries; ranges are in order and apart', () => {
  const ports = Array.from({ length: 200 }, (_, at) => ({ fromPort: at * 3 + 1 }))
  assert.equal(allowsOf(told(ports), 'in').length, 1)
  const hosts = Array.from({ length: 200 }, (_, at) => ({ fromPort: 22, addresses: [`10.0.${at}.1`] }))
  assert.equal(allowsOf(told(hosts), 'in').length, 1)
  assert.deepEqual(
    mergedRanges([
      [5, 6],
      [1, 2],
      [3, 3],
      [6, 9],
    ]),
    [
      [1, 3],
      [5, 9],
    ],
  )
})

const net = {
  id: 'n',
  name: 'lan',
  members: [],
  spec: network.spec.parse({ driver: 'bridge', subnet4: '10.0.0.0/24', subnet6: 'fd00::/64' }),
}
const nic = (more: object = {}) =>
  GuestNic.parse({
    id: 'net0',
    network: 'n',
    driver: 'bridge',
    mac: '52:00:00:00:00:02',
    isRestricted: false,
    address4: '10.0.0.2',
    forwards: [],
    ...more,
  })
const world = (more: Partial<Told>) =>
  worldOf({ instance: 'abcd', networks: [net], groups: [], plugged: [], guarded4: [], guarded6: [], ...more })

test('a network without guests here makes nothing; a guest makes its bridge, port and lease', () => {
  assert.deepEqual(world({}).bridges, [])
  const { bridges, ports } = world({ plugged: [{ guest: 'g', uid: 7, nic: nic() }] })
  assert.equal(bridges[0]?.gateway4?.address, '10.0.0.1')
  assert.equal(bridges[0]?.gateway6?.address, 'fd00::1')
  assert.deepEqual(bridges[0]?.naming?.leases, [
    { mac: '52:00:00:00:00:02', address4: '10.0.0.2', address6: null, name: null },
  ])
  assert.deepEqual([ports[0]?.bridge, ports[0]?.uid, ports[0]?.allowsOut], [bridges[0]?.interface, 7, true])
})

test('of groups, those of NICs here have rules; those that rules mean are there as members only', () => {
  const a = { ...told([{ fromPort: 1, group: 'friends' }]), id: 'a', resolved: { friends: 'b' } }
  const b = { ...told([{ fromPort: 2 }]), id: 'b', members4: ['10.0.0.9'] }
  const c = { ...told([{ fromPort: 3 }]), id: 'c' }
  const { groups } = world({
    groups: [a, b, c],
    plugged: [{ guest: 'g', uid: null, nic: nic({ groups: ['a'] }) }],
  })
  assert.deepEqual(
    groups.map(({ id, in: ways, members4 }) => [id, ways.length, members4.length]),
    [
      ['a', 1, 0],
      ['b', 0, 1],
    ],
  )
  assert.equal(groupFrom(c).in.length, 1)
})

test('a restricted network leads nowhere and asks nobody; a bridged one takes no address of the host', () => {
  const of = (spec: object) =>
    world({
      networks: [{ ...net, spec: { ...net.spec, ...spec } }],
      plugged: [{ guest: 'g', uid: null, nic: nic() }],
    }).bridges[0]
  assert.equal(of({ isRestricted: true })?.leaves, false)
  assert.equal(of({ isRestricted: true })?.naming?.asksOutside, false)
  assert.equal(of({ mode: 'isolated' })?.leaves, false)
  assert.deepEqual(
    [
      of({ mode: 'bridged', interface: 'eth1' })?.gateway4,
      of({ mode: 'bridged', interface: 'eth1' })?.naming,
    ],
    [null, null],
  )
})

test('names of interfaces fit the kernel and differ', () => {
  const place = instanceOf('/var/lib/decant')
  const names = Array.from({ length: 2000 }, (_, at) => portName(place, `guest-${at}`, 'net0'))
  assert.equal(new Set([...names, bridgeName(place, 'x')]).size, 2001)
  for (const name of names) assert.match(name, /^dc[0-9a-f]{4}p[0-9a-f]{8}$/)
})
