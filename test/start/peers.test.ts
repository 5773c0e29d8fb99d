/** Connections of guests are refused: with the kernel's own tables, and with a process that is what a guest is. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { Peers, uidOf, type Peer } from '#bin/peers.ts'
import { isGuestUid } from '#drivers/hypervisor/qemu/jail/uids.ts'

const guestUid = 1_879_049_088
const isRoot = process.getuid?.() === 0

let server: Server
let port: number
let came: (socket: Socket) => void = () => {}

before(async () => {
  server = createServer((socket) => came(socket)).listen(0, '::')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})
after(() => void server.close())

const next = () => new Promise<Socket>((resolve) => (came = resolve))

/** A process that connects and stays, as whoever. */
async function visitor(host: string, uid: number) {
  const script = `require('net').connect(${port}, '${host}')`
  const arrived = next()
  const child = spawn(process.execPath, ['-e', script], { cwd: '/', stdio: 'ignore', uid, gid: uid })
  return { socket: await arrived, end: () => child.kill('SIGKILL') }
}

test('a guest is known by its uid, whichever way it comes; others are let in (I-44)', async (t) => {
  if (!isRoot) return t.diagnostic('only root can be another user')
  const peers = new Peers(isGuestUid)
  for (const host of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    for (const [uid, is] of [
      [guestUid, false],
      [guestUid - 1, true],
      [65_534, true],
    ] as const) {
      const { socket, end } = await visitor(host, uid)
      assert.equal(await peers.isWelcome(socket), is, `${uid} by ${host}`)
      end()
      socket.destroy()
    }
  }
})

test('who has let go of the connection is nobody, and is not let in', async () => {
  const arrived = next()
  const own = connect(port, '127.0.0.1')
  const socket = await arrived
  const peers = new Peers(isGuestUid)
  assert.equal(await peers.isWelcome(socket), true)
  own.destroy()
  await once(socket, 'close')
  const { remoteAddress, remotePort } = { remoteAddress: '127.0.0.1', remotePort: own.localPort ?? 1 }
  const gone = { remoteAddress, remotePort, localAddress: '127.0.0.1', localPort: port }
  assert.equal(await peers.isWelcome(gone as Peer), false)
})

test('who comes from elsewhere passes; a hundred at once are judged by two readings', async () => {
  let readings = 0
  const row = (remotePort: number) =>
    `  1: 0100007F:${remotePort.toString(16).toUpperCase().padStart(4, '0')} 0100007F:1CFC 01 0:0 0:0 0 ${guestUid} 0 77 1`
  const peers = new Peers(isGuestUid, async () => {
    readings++
    await new Promise((resolve) => setImmediate(resolve))
    return Array.from({ length: 100 }, (_, at) => row(1000 + at)).join('\n')
  })
  const peer = (remotePort: number, remoteAddress = '127.0.0.1') =>
    ({ remoteAddress, remotePort, localAddress: '127.0.0.1', localPort: 7420 }) as Peer
  assert.equal(await peers.isWelcome(peer(1000, '203.0.113.9')), true)
  assert.equal(readings, 0)
  const all = await Promise.all(Array.from({ length: 100 }, (_, at) => peers.isWelcome(peer(1000 + at))))
  assert.ok(all.every((is) => !is))
  assert.equal(readings, 2)
})

test('a socket that nobody holds has no owner, whatever the table says', () => {
  const peer = { remoteAddress: '127.0.0.1', remotePort: 4096, localAddress: '127.0.0.1', localPort: 7420 }
  const table = (inode: number) => `  1: 0100007F:1000 0100007F:1CFC 01 0:0 0:0 0 0 0 ${inode} 1`
  assert.equal(uidOf(peer, table(0)), undefined)
  assert.equal(uidOf(peer, table(9)), 0)
})
