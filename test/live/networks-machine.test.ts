/** A real guest on a bridge network: QEMU, tap, bridge, rules, addresses and names together, in a namespace. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { Plug } from '#drivers/hypervisor/port.ts'
import { giveAddresses } from '#engines/addressing/assign.ts'
import { portName } from '#engines/filtering/names.ts'
import { Lab, lackOf, netOf, nicOn } from './networks-lab.ts'

const agent = join(import.meta.dirname, 'networks-guest-agent.ts')

/** The agent's half that must be in the namespace, asked a line at a time. */
function agentIn(namespace: string, ...words: string[]) {
  const child = spawn('ip', ['netns', 'exec', namespace, process.execPath, agent, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (order: object): Promise<unknown> => {
      child.stdin.write(`${JSON.stringify(order)}\n`)
      const { value, done } = await lines.next()
      assert.ok(done !== true, 'the agent ended')
      return JSON.parse(value as string)
    },
    end: async () => {
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

/** A page, as a program on the host sees it. */
const pageFor = ({ host }: Lab, url: string) =>
  execFileSync(
    'ip',
    [
      'netns',
      'exec',
      host,
      process.execPath,
      '-e',
      'fetch(process.argv[1]).then(async (r) => console.log(await r.text()))',
      url,
    ],
    { encoding: 'utf8', timeout: 60_000 },
  )

// What udhcpc of busybox calls for each thing that it hears.
const lease =
  'printf "#!/bin/sh\\n[ \\$1 = bound ] && ip addr add \\$ip/\\$mask dev eth0 && ip route add default via \\$router && echo nameserver \\$dns > /etc/resolv.conf && echo got \\$ip mtu \\$mtu\\n" > /l; chmod +x /l'

test(
  'a real guest gets the address that was reserved for it, is known by its name, and is reached by its forward alone',
  { skip: lackOf(), timeout: 180_000 },
  async (t) => {
    const on = new Lab({ ports: 'tap' })
    const net = netOf(1, { subnet6: null, mtu: 1400 }, 'lan')
    const id = randomUUID()
    // As the controller gives it: the first one that is free.
    const asking = { network: net.id, name: 'lan', subnet4: '10.77.1.0/24', subnet6: null, gives: true }
    const taken = new Set(['10.77.1.2'])
    const wish = { fixed4: null, fixed6: null, before4: null, before6: null }
    const [given] = giveAddresses([{ on: { ...asking, taken }, ...wish }])
    assert.equal(given?.address4, '10.77.1.3')
    const forwards = [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 8088, guestPort: 80 }]
    const nic = nicOn(net, 3, { mtu: 1400, forwards })
    on.networks = [
      { ...net, members: [{ name: 'web', mac: nic.mac, address4: '10.77.1.3', address6: null }] },
    ]
    const folder = join(on.folder, 'guests')
    mkdirSync(folder)
    const inside = agentIn(on.host, folder, id)
    t.after(async () => {
      await inside.end()
      await on.end()
    })
    on.plugged = [{ guest: id, uid: (await inside.ask({})) as number | null, nic }]
    await on.settle()
    const { mac, model, mtu, isLinkUp } = nic
    const tap = { driver: 'tap' as const, interface: portName(on.instance, id, 'net0') }
    const plug: Plug = { id: 'net0', mac, model, mtu, isLinkUp, forwards: nic.forwards, ...tap }
    assert.equal(await inside.ask({ plug }), 'running')
    const says = (command: string) => inside.ask({ command })

    await says(`${lease}; ip link set eth0 up`)
    assert.equal(
      await says('udhcpc -i eth0 -n -q -O mtu -t 30 -T 1 -s /l 2>/dev/null | grep got'),
      'got 10.77.1.3 mtu 1400',
    )
    assert.match(String(await says('nslookup web.lan.internal 10.77.1.1 | grep Address')), /10\.77\.1\.3$/)
    await says('mkdir /w; echo seagull > /w/index.html; httpd -h /w')
    const [host, world] = [on.puppet(on.host), on.puppet(on.world)]
    await host.connect('10.77.1.3', 80)
    await world.connect('203.0.113.1', 8088)
    const page = pageFor(on, 'http://127.0.0.1:8088/')
    assert.match(page, /seagull/)
    // Neither the host by another way than the forward, nor the world by a forward of the loopback.
    assert.ok(!host.heard.some(({ text }) => text === 'tcp hello'))
    await world.hears('tcp ECONNREFUSED')
  },
)
