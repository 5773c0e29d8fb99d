/** How a channel ends: an end is only what the other side told as one, whatever a connection does. */

import assert from 'node:assert/strict'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import {
  connect as speak,
  performServerHandshake,
  type ClientHttp2Session,
  type Http2Session,
  type Http2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { controllerName } from '#drivers/certificates/port.ts'
import { protocol } from '#drivers/link/http2/bounds.ts'
import { linkClient } from '#drivers/link/http2/client.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { joined } from '#program/agent/joined.ts'
import { anOpen, openLab, quietDoor, until, type Lab } from './link-lab.ts'

async function inLab(proof: (lab: Lab) => Promise<void>) {
  const lab = await openLab('tcp')
  await proof(lab).finally(() => lab.close())
}

const session = (lab: Lab) => {
  const last = lab.sessions.at(-1)
  assert.ok(last !== undefined)
  return last
}

/** The streams of both ends that were made and have not closed. */
const living = new Set<Http2Stream>()
for (const end of ['client', 'server']) {
  subscribe(`http2.${end}.stream.created`, (message) => {
    const { stream } = message as { stream: Http2Stream }
    living.add(stream)
    stream.once('close', () => living.delete(stream))
  })
}

/** What an agent opened, and what became of it; it says nothing until it is closed, and then too much. */
function opened(write: ByteChannel['write'] = async () => {}) {
  const seen = { bytes: 0, ends: [] as string[] }
  const { promise: isClosed, resolve } = Promise.withResolvers<void>()
  const channel: ByteChannel = {
    bytes: (async function* () {
      await isClosed
      yield Buffer.from('too late')
    })(),
    write: async (bytes) => {
      seen.bytes += bytes.length
      await write(bytes)
    },
    end: () => void seen.ends.push('whole'),
    close: () => {
      seen.ends.push('broken')
      resolve()
    },
  }
  return { seen, channel }
}

/** The ways in which a stream that carries `part` may seem to end without an end being told. */
const endings: readonly (readonly [string, (stream: Http2Stream, http: Http2Session) => void])[] = [
  ['the plain end of the stream', (stream) => void stream.end()],
  ['a reset that says NO_ERROR', (stream) => stream.close()],
  ['a session destroyed without an error', (_, http) => http.destroy()],
  ['a session closed that then loses its socket', (_, http) => (http.close(), http.socket.destroy())],
  ['trailers that count other bytes', (stream) => tell(stream, '5')],
  ['trailers that count nothing', (stream) => tell(stream, undefined)],
]

function tell(stream: Http2Stream, bytes: string | undefined) {
  stream.once('wantTrailers', () => stream.sendTrailers(bytes === undefined ? {} : { 'decant-bytes': bytes }))
  stream.end()
}

/** A connection of the lab's controller to one agent, on which the test itself speaks. */
async function bareController(lab: Lab, channel: ByteChannel): Promise<ClientHttp2Session> {
  const { authority: ca, certificate: cert, key } = await lab.authority.issue({ purpose: 'controller' })
  const server = createServer({ ca, cert, key, requestCert: true, ALPNProtocols: [protocol] })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const place = { host: '127.0.0.1', port, credentials: await lab.credentials('h-1') }
  const door = quietDoor('h-1', { open: async () => channel })
  const connected = linkClient(place).connect(door, new AbortController().signal)
  const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
  server.close()
  const http = speak('https://agent', { createConnection: () => socket })
  http.on('error', () => {})
  request(http, '/link').write('{"say":"welcome"}\n')
  await connected
  return http
}

function request(http: ClientHttp2Session, path: string) {
  const headers = { 'decant-open': encodeURIComponent(JSON.stringify(anOpen)) }
  const stream = http.request({ ':method': 'POST', ':path': path, ...headers }, { waitForTrailers: true })
  stream.on('error', () => {})
  return stream
}

for (const [what, finish] of endings) {
  test(`an upload that ends by ${what} never looks whole`, () =>
    inLab(async (lab) => {
      const { seen, channel } = opened()
      const http = await bareController(lab, channel)
      const stream = request(http, '/open')
      await once(stream, 'response')
      stream.write('part')
      await until('the part', () => seen.bytes === 4)
      finish(stream, http)
      await until('an end', () => seen.ends.length > 0)
      http.destroy()
      await sleep(20)
      assert.ok(!seen.ends.includes('whole'), String(seen.ends))
    }))
}

/** An agent that answers each request with `part` and then ends it in its own way. */
async function bareAgent(lab: Lab, finish: (stream: Http2Stream, http: Http2Session) => void) {
  const before = lab.sessions.length
  const { authority: ca, certificate: cert, key } = await lab.credentials('h-1')
  const place = { host: '127.0.0.1', port: 'port' in lab.address ? lab.address.port : 0 }
  const socket = connect({ ...place, ca, cert, key, servername: controllerName, ALPNProtocols: [protocol] })
  socket.on('error', () => {})
  const http = performServerHandshake(socket)
  http.on('error', () => {})
  http.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 }, { waitForTrailers: headers[':path'] !== '/link' })
    if (headers[':path'] === '/link')
      return stream.write('{"host":"h-1","incarnation":"i","version":"1","have":{}}\n')
    return stream.write('part', () => setTimeout(() => finish(stream, http), 20))
  })
  await until('session', () => lab.sessions.length > before)
  return http
}

for (const [what, finish] of endings) {
  test(`neither an answer nor a channel that ends by ${what} looks whole to the controller`, () =>
    inLab(async (lab) => {
      await bareAgent(lab, finish)
      await assert.rejects(session(lab).ask({ ask: 'log', guest: 'g' }, 10_000), { code: 'link/lost' })
      await bareAgent(lab, finish)
      const channel = await session(lab).open(anOpen)
      const read = async () => {
        for await (const bytes of channel.bytes) assert.equal(String(bytes), 'part')
      }
      await assert.rejects(read, { code: 'link/lost' })
    }))
}

test('a channel that breaks while the agent still writes is not told as ended once it has written', () =>
  inLab(async (lab) => {
    const disk = Promise.withResolvers<void>()
    const { seen, channel } = opened(() => disk.promise)
    await lab.connect(quietDoor('h-1', { open: async () => channel }))
    const near = await session(lab).open(anOpen)
    await near.write(Buffer.from('half'))
    await until('the half', () => seen.bytes === 4)
    near.close()
    await until('an end', () => seen.ends.length > 0)
    await sleep(20)
    disk.resolve()
    await sleep(20)
    assert.ok(!seen.ends.includes('whole'), String(seen.ends))
  }))

test('what was ended and closed at once still arrives whole', () =>
  inLab(async (lab) => {
    const { seen, channel } = opened(() => sleep(1))
    await lab.connect(quietDoor('h-1', { open: async () => channel }))
    const near = await session(lab).open(anOpen)
    // Refused, as it has no room before the close, but written.
    const written = assert.rejects(near.write(Buffer.alloc(2 << 20)), { code: 'link/lost' })
    near.end()
    near.close()
    await until('both ends', () => seen.ends.length > 1)
    assert.deepEqual([seen.bytes, ...seen.ends], [2 << 20, 'whole', 'broken'])
    await written
    await until('no stream but that of the link', () => living.size === 2)
  }))

test('an agent that refuses an upload early says why, and no stream of it is left', () =>
  inLab(async (lab) => {
    const { promise: isRefused, resolve: refuse } = Promise.withResolvers<void>()
    const lost = new Error('takes no more')
    const write = async () => {
      refuse()
      throw lost
    }
    const bytes = (async function* () {
      await isRefused
      yield Buffer.from('too small a disk')
    })()
    let closed = 0
    const close = () => void closed++
    await lab.connect(
      quietDoor('h-1', { open: async () => ({ bytes, write, end: () => assert.fail('no end'), close }) }),
    )
    const near = await session(lab).open(anOpen)
    const heard: string[] = []
    const reading = (async () => {
      for await (const said of near.bytes) heard.push(String(said))
    })()
    await assert.rejects(
      async () => {
        for (;;) await near.write(Buffer.alloc(1 << 20))
      },
      { code: 'link/lost' },
    )
    await reading
    assert.deepEqual(heard, ['too small a disk'])
    await until('no stream but that of the link', () => closed > 0 && living.size === 2)
  }))

test('a refused open, and one whose words nobody reads, leave no stream', () =>
  inLab(async (lab) => {
    const [near, far] = joined()
    await lab.connect(quietDoor('h-1', { open: () => Promise.reject(new Error('no')) }))
    await assert.rejects(session(lab).open(anOpen), { code: 'bug' })
    await lab.connect(quietDoor('h-1', { open: async () => far }))
    const channel = await session(lab).open(anOpen)
    await channel.write(Buffer.from('words'))
    const said = near.write(Buffer.alloc(1000))
    await sleep(20)
    channel.end()
    channel.close()
    await said
    near.close()
    await until('no streams but those of two links', () => living.size === 4)
  }))
