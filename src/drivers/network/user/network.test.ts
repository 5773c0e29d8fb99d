import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { obeysNetworkContract } from '#drivers/network/contract.ts'
import { GuestNic } from '#kinds/guest/parts.ts'
import { Problem } from '#model/problem.ts'
import { openUserNetwork } from './network.ts'

async function listener() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  return { port, free: async () => void (await new Promise((resolve) => server.close(resolve))) }
}

async function datagrams() {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  return { port, free: async () => void (await new Promise((resolve) => socket.close(() => resolve(0)))) }
}

obeysNetworkContract('user', async () => {
  const open: (() => Promise<void>)[] = []
  return {
    network: openUserNetwork(),
    async occupy(protocol) {
      const made = protocol === 'tcp' ? await listener() : await datagrams()
      let isFree = false
      const free = async () => {
        if (!isFree) await made.free()
        isFree = true
      }
      open.push(free)
      return { port: made.port, free }
    },
    dispose: async () => void (await Promise.all(open.map((free) => free()))),
  }
})

const nic = (address: string, hostPort: number) =>
  GuestNic.parse({
    id: 'net0',
    network: 'n',
    driver: 'user',
    mac: '02:00:00:00:00:01',
    isRestricted: false,
    forwards: [{ protocol: 'tcp', address, hostPort, guestPort: 80 }],
  })

test('the same port on two addresses is two ports; every address holds them all', async () => {
  const network = openUserNetwork()
  const { port, free } = await listener()
  await free()
  await network.plug('a', nic('127.0.0.1', port), [])
  await network.plug('b', nic('127.0.0.2', port), [])
  await assert.rejects(
    network.plug('c', nic('0.0.0.0', port), []),
    (error) => error instanceof Problem && error.code === 'network/port-busy',
  )
})

test("a reserved port is no guest's, although nobody listens there (I-45)", async () => {
  const { port, free } = await listener()
  await free()
  const network = openUserNetwork([port])
  for (const address of ['127.0.0.1', '0.0.0.0'])
    await assert.rejects(
      network.plug('a', nic(address, port), []),
      (error) => error instanceof Problem && error.code === 'network/port-busy',
    )
  const before = [{ guestPort: 80, protocol: 'tcp', hostPort: port }]
  const { forwards } = await network.plug('a', nic('127.0.0.1', 0), before)
  assert.notEqual(forwards[0]?.hostPort, port)
})

test('an address that the host does not have is said plainly', async () => {
  await assert.rejects(
    openUserNetwork().plug('a', nic('203.0.113.1', 0), []),
    (error) => error instanceof Problem && error.code === 'network/address-absent',
  )
})

test('a port for root only is said plainly to an ordinary user', async (t) => {
  const first = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'))
  if (first <= 81) return t.diagnostic('this host lets everybody take every port')
  const script = `
    import { openUserNetwork } from '#drivers/network/user/network.ts'
    const forward = { protocol: 'tcp', address: '127.0.0.1', hostPort: 81, guestPort: 80 }
    const nic = { id: 'net0', network: 'n', driver: 'user', mac: '', isRestricted: false, forwards: [forward] }
    await openUserNetwork().plug('g', nic, []).catch((error) => console.log(error.code))
  `
  const said = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: join(import.meta.dirname, '../../../..'),
    encoding: 'utf8',
    ...(process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  })
  assert.equal(said, 'network/port-forbidden\n')
})
