/** Who reaches the world, the host, and other networks; names; forwards. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { Lab, lackOf, groupOf, netOf, nicOn } from './networks-lab.ts'
import { question } from './networks-frames.ts'

const proves = { skip: lackOf(), timeout: 60_000 }

test(
  'NAT leads out, isolated does not; nobody reaches the host or another network (I-44)',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const [nat, isolated] = [netOf(1, {}), netOf(2, { mode: 'isolated' })]
    const open = groupOf(1, { rules: [{ protocol: 'any' }] })
    const [a, b] = [nicOn(nat, 10, { groups: [open.id] }), nicOn(isolated, 10, { groups: [open.id] })]
    // Another host of the pool.
    for (const address of ['203.0.113.3/24', '2001:db8::3/64'])
      execFileSync('ip', ['-n', on.world, 'address', 'add', address, 'dev', 'w0'])
    on.guarded = ['203.0.113.3', '2001:db8::3']
    on.networks = [nat, isolated]
    on.groups = [open]
    on.plug('a', a)
    on.plug('b', b)
    await on.settle()
    const [inA, inB] = [on.guest('a', a), on.guest('b', b)]
    const [pa, pb, host, world] = [inA, inB, on.host, on.world].map((name) => on.puppet(name)) as [
      never,
      never,
      never,
      never,
    ] as import('./networks-lab.ts').Puppet[]
    assert.ok(pa && pb && host && world)
    for (const port of [900, 901]) await world.listen(port)
    await world.listen(901, 6)
    for (const port of [902]) await host.listen(port)
    for (const port of [903, 904]) await pb.listen(port)
    // To the host by each of its addresses, to the other network, and out of the isolated one.
    for (const address of ['10.77.1.1', '203.0.113.1', '10.77.2.1'])
      await pa.send(address, 902, 'to the host')
    await pa.send('10.77.2.10', 903, 'to the other network')
    await pb.send('203.0.113.2', 900, 'out of isolation')
    await pb.send('10.77.1.10', 905, 'to the other network')
    await pa.send('203.0.113.3', 901, 'to another host')
    await pa.send('2001:db8::3', 901, 'to another host')
    await pa.send('203.0.113.2', 901, '?out')
    assert.deepEqual(await world.hears('?out'), ['?out'])
    assert.equal(world.heard[0]?.from, '203.0.113.1')
    await pa.hears('!out')
    await pa.send('2001:db8::2', 901, '?out6')
    assert.deepEqual(await world.hears('?out6'), ['?out', '?out6'])
    // The host itself gets through, as the last one, by the group that opens everything.
    await host.send('10.77.2.10', 904, 'from the host')
    assert.deepEqual(await pb.hears('from the host'), ['from the host'])
    await host.send('203.0.113.1', 902, 'its own')
    assert.deepEqual(await host.hears('its own'), ['its own'])
  },
)

test(
  'forwards lead in, from the host and from outside, and open only what they forward',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(3, {})
    const forward = (address: string, hostPort: number, guestPort: number) => ({
      protocol: 'udp',
      address,
      hostPort,
      guestPort,
    })
    const nic = nicOn(net, 10, { forwards: [forward('127.0.0.1', 8001, 81), forward('0.0.0.0', 8002, 82)] })
    on.networks = [net]
    on.plug('a', nic)
    await on.settle()
    const [guest, host, world] = [on.puppet(on.guest('a', nic)), on.puppet(on.host), on.puppet(on.world)]
    for (const port of [81, 82, 83]) await guest.listen(port)
    await host.send('10.77.3.10', 83, 'not forwarded')
    await world.send('203.0.113.1', 8001, 'only for the host')
    await host.send('127.0.0.1', 8001, '?host')
    await host.hears('!host')
    await world.send('203.0.113.1', 8002, '?world')
    await world.hears('!world')
    assert.deepEqual(
      guest.heard.map(({ text }) => text),
      ['?host', '?world'],
    )
    assert.equal(guest.heard[1]?.from, '203.0.113.2')
  },
)

test('machines have names, in IPv4 and IPv6, and follow when they change', proves, async (t) => {
  const on = new Lab()
  t.after(() => on.end())
  const net = netOf(4, {}, 'lan')
  const nic = nicOn(net, 10)
  const named = (name: string) => ({
    ...net,
    members: [{ name, mac: nic.mac, address4: nic.address4, address6: nic.address6 }],
  })
  on.networks = [named('web')]
  on.plug('a', nic)
  await on.settle()
  const wire = await on.wire(on.host, 'lo')
  const puppet = on.puppet(on.guest('a', nic))
  await puppet.listen(5_000)
  const answers = (name: string, type: number, bytes: Buffer) =>
    lookUp(on, name, type).then((said) => assert.ok(said.includes(bytes), `${name} ${type}`))
  assert.ok(wire.seen.length >= 0)
  await answers('web.lan.internal', 1, Buffer.from([10, 77, 4, 10]))
  await answers('web', 1, Buffer.from([10, 77, 4, 10]))
  await answers('web.lan.internal', 28, Buffer.from('fd00007700040000000000000000000a', 'hex'))
  on.networks = [named('shop')]
  await on.settle()
  await answers('shop.lan.internal', 1, Buffer.from([10, 77, 4, 10]))
})

/** Asks the network's own server from the guest, again until it answers so: it may be starting, or hearing of news. */
async function lookUp(on: Lab, name: string, type: number): Promise<Buffer> {
  const script = `
    const s = require('node:dgram').createSocket('udp4'), q = Buffer.from(process.argv[1], 'hex')
    const ask = () => s.send(q, 53, '10.77.4.1')
    setInterval(ask, 100); ask()
    s.on('message', (m) => { if (m.readUInt16BE(6) > 0) { console.log(m.toString('hex')); process.exit() } })`
  const asked = question(name, type).toString('hex')
  const said = execFileSync('ip', ['netns', 'exec', `${on.name}-a`, process.execPath, '-e', script, asked], {
    encoding: 'utf8',
  })
  return Buffer.from(said.trim(), 'hex')
}
