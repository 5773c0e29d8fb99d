/** A guest sends only as itself, whatever it tries; nobody is served what was not reserved (I-44). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bridgeMac, bridgeName } from '#engines/filtering/names.ts'
import { linkLocalOf } from '#drivers/network/bridge/rules/guard.ts'
import { Lab, lackOf, groupOf, netOf, nicOn } from './networks-lab.ts'
import {
  advert,
  arp,
  dhcpDiscover,
  dhcpOffer,
  everybody,
  fragmentedRouter,
  hiddenRouter,
  offeredIn,
  router,
  udp4,
  udp6,
} from './networks-frames.ts'

const proves = { skip: lackOf(), timeout: 60_000 }

// On a bridged network more comes by the rules between ports: what the physical network says must.
for (const mode of ['nat', 'bridged'])
  test(
    `I-44 forged MAC, IP, ARP, ND, RA and DHCP replies reach nobody on a ${mode} network; what is true does`,
    proves,
    async (t) => {
      const on = new Lab()
      t.after(() => on.end())
      const net = netOf(1, mode === 'nat' ? {} : { mode, interface: 'up1' })
      const open = groupOf(1, { rules: [{ protocol: 'any' }] })
      const [evil, victim] = [nicOn(net, 10, { groups: [open.id] }), nicOn(net, 11, { groups: [open.id] })]
      on.networks = [net]
      on.groups = [open]
      on.plug('evil', evil)
      on.plug('victim', victim)
      await on.settle()
      const [from, to] = [
        await on.wire(on.guest('evil', evil, true)),
        await on.wire(on.guest('victim', victim, true)),
      ]
      const four = {
        mac: evil.mac,
        toMac: victim.mac,
        from: '10.77.1.10',
        to: '10.77.1.11',
        ports: [1, 2] as const,
      }
      const own = { ...four, from: 'fd00:77:1::a', to: 'fd00:77:1::b' }
      const local = linkLocalOf(evil.mac)
      const gateway = {
        mac: bridgeMac(on.instance, net.id),
        local: linkLocalOf(bridgeMac(on.instance, net.id)),
      }
      const lie = { from: evil.mac, mac: evil.mac, address: '10.77.1.10', to: victim.mac, asks: '10.77.1.11' }
      const forged: Record<string, Buffer> = {
        'another MAC': udp4({ ...four, mac: '52:00:00:01:00:63', content: 'forged' }),
        "the gateway's MAC": udp4({ ...four, mac: gateway.mac, content: 'forged' }),
        'another IPv4': udp4({ ...four, from: '10.77.1.12', content: 'forged' }),
        "the gateway's IPv4": udp4({ ...four, from: '10.77.1.1', content: 'forged' }),
        'another IPv6': udp6({ ...own, from: 'fd00:77:1::c', content: 'forged' }),
        "another's link-local": udp6({ ...own, from: linkLocalOf(victim.mac), content: 'forged' }),
        "the gateway's address in ARP": arp({ ...lie, address: '10.77.1.1' }),
        'another MAC in ARP': arp({ ...lie, mac: gateway.mac }),
        "the gateway's address in ND": advert(evil.mac, 'fd00:77:1::a', 'fd00:77:1::1'),
        "the gateway's link-local in ND": advert(evil.mac, local, gateway.local),
        "a neighbour's address in ND": advert(evil.mac, local, 'fd00:77:1::b'),
        'a router': router(evil.mac, local),
        'a router in pieces': fragmentedRouter(evil.mac, local),
        'a DHCP server': dhcpOffer(evil.mac, '10.77.1.10', 7),
        'a DHCPv6 server': udp6({ ...own, ports: [547, 546], content: 'forged' }),
        'a VLAN': Buffer.concat([
          Buffer.from('520000010 00b'.replace(' ', ''), 'hex'),
          Buffer.alloc(50, 0x81),
        ]),
      }
      // Those that are true arrive, so that silence on the others says something.
      const honest = [
        udp4({ ...four, content: 'honest 4' }),
        udp6({ ...own, content: 'honest 6' }),
        arp(lie),
        advert(evil.mac, 'fd00:77:1::a', 'fd00:77:1::a'),
        advert(evil.mac, local, local),
      ]
      for (const frame of Object.values(forged)) from.send(frame)
      for (const frame of honest) from.send(frame)
      from.send(udp4({ ...four, content: 'last of all' }))
      await to.sees((frame) => frame.includes('last of all'))
      // A host trims what fills a short frame up.
      const trimmed = (frame: Buffer) => frame.toString('hex').replace(/(00)+$/, '')
      const seen = new Set(to.seen.map(trimmed))
      for (const [what, frame] of Object.entries(forged)) assert.ok(!seen.has(trimmed(frame)), what)
      for (const [at, frame] of honest.entries()) assert.ok(seen.has(trimmed(frame)), `honest ${at}`)
    },
  )

// Kernels since 5.11 put no such pieces together (RFC 8200, §4.5). Those of before do, behind the port and past its rules.
test(
  'I-44 words of a router that are cut so that no piece tells what it is do not get past the port',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, {})
    const evil = nicOn(net, 10)
    on.networks = [net]
    on.plug('evil', evil)
    await on.settle()
    const from = await on.wire(on.guest('evil', evil, true))
    const behind = await on.wire(on.host, bridgeName(on.instance, net.id))
    const mac = bridgeMac(on.instance, net.id)
    for (const source of [linkLocalOf(evil.mac), 'fd00:77:1::a'])
      for (const piece of hiddenRouter(evil.mac, source, { mac, address: linkLocalOf(mac) })) from.send(piece)
    const own = { mac: evil.mac, toMac: mac, ports: [1, 2] as const }
    from.send(udp4({ ...own, from: '10.77.1.10', to: '10.77.1.1', content: 'last of all' }))
    await behind.sees((frame) => frame.includes('last of all'))
    const isPiece = (frame: Buffer) =>
      frame.length > 20 && frame.readUInt16BE(12) === 0x86dd && frame[20] === 44
    assert.deepEqual(behind.seen.filter(isPiece), [])
  },
)

test(
  'I-44 DHCP gives the reserved address to its owner, and none to a thousand inventions',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(2, {})
    const [evil, good] = [nicOn(net, 20, { isFiltered: false }), nicOn(net, 21)]
    on.networks = [{ ...net, spec: { ...net.spec } }]
    on.plug('evil', evil)
    on.plug('good', good)
    await on.settle()
    const [from, to] = [
      await on.wire(on.guest('evil', evil, true)),
      await on.wire(on.guest('good', good, true)),
    ]
    // Even where nothing guards its port, there is no pool that it could use up.
    const invented = Array.from(
      { length: 1000 },
      (_, at) =>
        `52:00:00:99:${(at >> 8).toString(16).padStart(2, '0')}:${(at & 255).toString(16).padStart(2, '0')}`,
    )
    for (const [at, mac] of invented.entries()) from.send(dhcpDiscover(mac, 10_000 + at))
    let asked = 0
    const asking = setInterval(() => to.send(dhcpDiscover(good.mac, (asked += 1))), 100)
    const offer = await to.sees((frame) =>
      Array.from({ length: asked }, (_, at) => offeredIn(frame, at + 1)).some(Boolean),
    )
    clearInterval(asking)
    assert.ok([...offer.subarray(58, 62)].join('.') === '10.77.2.21')
    from.send(dhcpDiscover(evil.mac, 5))
    await from.sees((frame) => offeredIn(frame, 5) === '10.77.2.20')
    for (const frame of from.seen)
      for (const at of [0, 500, 999]) assert.equal(offeredIn(frame, 10_000 + at), undefined)
    assert.ok(everybody.length > 0)
  },
)
