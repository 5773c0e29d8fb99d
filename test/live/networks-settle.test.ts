/** Settling: rules change without a gap, a crash anywhere leads to the same end, nothing of others is touched. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openBridges } from '#drivers/network/bridge/bridge.ts'
import { Problem } from '#model/problem.ts'
import { Lab, lackOf, groupOf, netOf, nicOn } from './networks-lab.ts'

const proves = { skip: lackOf(), timeout: 120_000 }

test(
  'fifty changes of rules and of members, and an agent that begins anew, lose no packet of a flow',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, {})
    const [a, b] = [nicOn(net, 10), nicOn(net, 11, { groups: [groupOf(1, {}).id] })]
    const rules = (count: number) =>
      groupOf(1, {
        rules: [
          { protocol: 'udp', fromPort: 53 },
          ...Array.from({ length: count }, (_, at) => ({ fromPort: 1000 + at * 2 })),
        ],
      })
    on.networks = [net]
    on.groups = [rules(1)]
    on.plug('a', a)
    on.plug('b', b)
    await on.settle()
    const [pa, pb] = [on.puppet(on.guest('a', a)), on.puppet(on.guest('b', b))]
    await pb.listen(53)
    let sent = 0
    const stream = { isOn: true }
    const flow = (async () => {
      while (stream.isOn) {
        await pa.send('10.77.1.11', 53, `?${sent}`)
        // The next one waits for the answer: a queue that runs over would look like a gap.
        await pa.hears(`!${sent}`)
        sent += 1
      }
    })()
    for (let change = 0; change < 50; change++) {
      // Every third change is of members alone, every tenth loads everything as an agent does that begins.
      on.groups = [change % 3 === 0 ? { ...rules(1), members4: [`10.9.9.${change}`] } : rules(change)]
      const driver = change % 10 === 9 ? openBridges(on.options) : on.driver
      await driver.settle(on.wished)
    }
    stream.isOn = false
    await flow
    const heard = await pb.hears(`?${sent - 1}`)
    t.diagnostic(`${sent} packets, none lost`)
    assert.deepEqual(
      heard,
      Array.from({ length: sent }, (_, at) => `?${at}`),
    )
  },
)

const parts = ['note', 'make', 'switches', 'rules', 'join', 'names', 'remove'] as const

for (const part of parts) {
  test(
    `I-20 killed before “${part}”, coming and going: the next one ends where it should`,
    proves,
    async (t) => {
      const on = new Lab()
      t.after(() => on.end())
      const net = netOf(1, {})
      on.networks = [net]
      on.plug('a', nicOn(net, 10, { forwards: [{ hostPort: 81, guestPort: 80 }] }))
      const mortal = () =>
        openBridges({
          ...on.options,
          before: (now) => {
            if (now === part) throw new Problem('tool/failed', { tool: 'test', why: 'killed' })
          },
        })
      await assert.rejects(mortal().settle(on.wished))
      await openBridges(on.options).settle(on.wished)
      const whole = on.left()
      assert.equal(whole.length, 4)
      on.plugged = []
      await assert.rejects(mortal().settle(on.wished))
      await openBridges(on.options).settle(on.wished)
      assert.deepEqual(on.left(), [])
      assert.deepEqual(serversOf(on), [])
    },
  )
}

test(
  'I-23 what bears one of our names and is not ours is left alone; others’ tables stay',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, {})
    on.networks = [net]
    on.plug('a', nicOn(net, 10))
    const strange = on.wished.bridges[0]?.interface ?? ''
    const inHost = (...words: string[]) =>
      execFileSync('ip', ['netns', 'exec', on.host, ...words], { encoding: 'utf8' })
    inHost('ip', 'link', 'add', strange, 'type', 'bridge')
    inHost('nft', 'add', 'table', 'inet', 'theirs')
    const { refusals } = await on.driver.settle(on.wished)
    assert.equal(refusals.get(net.id)?.code, 'network/name-taken')
    await on.driver.clear()
    assert.match(inHost('ip', '-br', 'link'), new RegExp(strange))
    assert.match(inHost('nft', 'list', 'tables'), /theirs/)
  },
)

test(
  'switches of the kernel are turned back; a subnet that the host has already is refused',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const forwarding = () =>
      execFileSync('ip', ['netns', 'exec', on.host, 'cat', '/proc/sys/net/ipv4/ip_forward'], {
        encoding: 'utf8',
      }).trim()
    const before = forwarding()
    on.networks = [netOf(1, {}), netOf(2, { subnet4: '203.0.113.0/25', subnet6: null })]
    on.plug('a', nicOn(netOf(1, {}), 10))
    on.plug('b', nicOn(netOf(2, { subnet4: null, subnet6: null }), 10))
    const { refusals } = await on.driver.settle(on.wished)
    assert.deepEqual(
      [...refusals.values()].map(({ code }) => code),
      ['network/subnet-overlap'],
    )
    assert.equal(forwarding(), '1')
    await on.driver.clear()
    assert.equal(forwarding(), before)
    assert.deepEqual(on.left(), [])
  },
)

test(
  'rules that somebody flushed, a server that died and a tap that is gone come again',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, {})
    on.networks = [net]
    on.plug('a', nicOn(net, 10))
    await on.settle()
    const whole = on.left()
    const drifted = new Promise<void>((resolve) => on.driver.onDrift(resolve))
    execFileSync('ip', ['netns', 'exec', on.host, 'nft', 'flush', 'ruleset'])
    for (const pid of serversOf(on)) process.kill(pid, 'SIGKILL')
    await drifted
    await on.settle()
    assert.deepEqual(on.left(), whole)
    assert.equal(serversOf(on).length, 1)
  },
)

test(
  'a NIC receives and sends no faster than it may; a bound that is taken back is gone',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, { mtu: 1400 })
    const port = () => on.wished.ports[0]?.interface ?? ''
    const inHost = (...words: string[]) =>
      execFileSync('ip', ['netns', 'exec', on.host, ...words], { encoding: 'utf8' })
    on.networks = [net]
    on.plug('a', nicOn(net, 10, { mbitIn: 10, mbitOut: 20, mtu: 1400 }))
    for (const _ of [1, 2]) await on.settle()
    assert.match(inHost('tc', 'qdisc', 'show', 'dev', port()), /tbf .* rate 10Mbit/)
    assert.match(
      inHost('nft', 'list', 'chain', 'netdev', on.options.table, port()),
      /limit rate over 2500 kbytes\/second/,
    )
    assert.match(inHost('ip', 'link', 'show', port()), /mtu 1400/)
    on.plug('a', nicOn(net, 10))
    await on.settle()
    assert.doesNotMatch(inHost('tc', 'qdisc', 'show', 'dev', port()), /tbf/)
    assert.doesNotMatch(inHost('nft', 'list', 'chain', 'netdev', on.options.table, port()), /limit/)
  },
)

test(
  'VLANs that the kernel lacks, and interfaces that the host needs, are refused plainly',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const nets = [
      netOf(1, { mode: 'bridged', interface: 'up0' }),
      netOf(2, { mode: 'bridged', interface: 'none0' }),
      netOf(3, { mode: 'bridged', interface: 'up0', vlan: 7 }),
      netOf(4, { mode: 'bridged', interface: 'up1' }),
    ]
    on.networks = nets
    for (const [at, net] of nets.entries()) on.plug(`g${at}`, nicOn(net, 10))
    const { refusals } = await on.driver.settle(on.wished)
    const codes = nets.map(({ id }) => refusals.get(id)?.code)
    assert.deepEqual(
      [codes[0], codes[1], codes[3]],
      ['network/interface-in-use', 'network/interface-missing', undefined],
    )
    // A kernel with VLANs makes it; one without says so.
    assert.ok(codes[2] === undefined || codes[2] === 'network/vlan-missing')
  },
)

test(
  'a server of names that cannot start, and a firewall of others that drops, are told; and no more when they are past',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const net = netOf(1, {})
    on.networks = [net]
    on.plug('a', nicOn(net, 10))
    const inHost = (...words: string[]) =>
      execFileSync('ip', ['netns', 'exec', on.host, ...words], { encoding: 'utf8' })
    const stranger = on.puppet(on.host)
    await stranger.serve(53)
    inHost(
      'nft',
      'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }',
    )
    await on.settle()
    const codes = async () => (await on.driver.troubles()).map(({ code }) => code)
    const pause = () => new Promise((resolve) => setTimeout(resolve, 250))
    while ((await codes()).length < 2) await pause()
    const [names, firewall] = await on.driver.troubles()
    assert.deepEqual([names?.code, firewall?.code], ['network/names-down', 'network/forward-refused'])
    assert.match(names?.facts['why'] ?? '', /10\.77\.1\.1.*in use/)
    assert.equal(firewall?.facts['chain'], 'ip filter FORWARD')
    const own = `${on.wished.bridges[0]?.interface.slice(0, 6)}*`
    inHost('nft', 'add', 'rule', 'ip', 'filter', 'FORWARD', 'iifname', own, 'accept')
    assert.deepEqual(await codes(), ['network/names-down'])
    await stranger.end()
    await on.settle()
    // One that serves for five seconds has come to stay.
    while ((await codes()).length > 0) await pause()
    assert.equal(serversOf(on).length, 1)
  },
)

/** Processes in the host's namespace that serve names. */
function serversOf(on: Lab): number[] {
  const pids = execFileSync('ip', ['netns', 'pids', on.host], { encoding: 'utf8' }).trim()
  return pids === '' ? [] : pids.split('\n').map(Number)
}

test(
  'I-46 nobody takes the addresses of a network that stands, nor those where the host asks for names',
  proves,
  async (t) => {
    const on = new Lab()
    t.after(() => on.end())
    const standing = netOf(9, {})
    on.networks = [standing]
    on.plug('a', nicOn(standing, 10))
    assert.equal((await on.driver.settle(on.wished)).refusals.size, 0)
    writeFileSync(join(on.folder, 'resolv.conf'), 'nameserver 10.77.3.53\nnameserver 10.77.9.1\n')
    const [later, hijacker] = [
      netOf(1, { subnet4: '10.77.9.0/25', subnet6: null }),
      netOf(3, { subnet6: null }),
    ]
    on.networks = [later, hijacker, standing]
    on.plug('b', { ...nicOn(later, 20), address6: null })
    on.plug('c', { ...nicOn(hijacker, 53), address6: null })
    const { refusals } = await on.driver.settle(on.wished)
    assert.deepEqual([...refusals.keys()].toSorted(), [later.id, hijacker.id].toSorted())
    for (const problem of refusals.values()) assert.equal(problem.code, 'network/subnet-overlap')
    await on.driver.clear()
  },
)
