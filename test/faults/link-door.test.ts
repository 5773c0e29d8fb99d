/** Strangers, liars and babblers at the door of the link: each is turned away and harms nobody else. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import { connect as plainly, createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import * as fc from 'fast-check'
import { controllerName, type Credentials } from '#drivers/certificates/port.ts'
import { x509Certificates } from '#drivers/certificates/x509/authority.ts'
import { handshakeMs, lineBytes, protocol } from '#drivers/link/http2/bounds.ts'
import { askFrom, downFrom, helloFrom, openFrom, problemFrom, upFrom } from '#drivers/link/http2/door.ts'
import { linkClient } from '#drivers/link/http2/client.ts'
import type { AgentDoor, Up } from '#drivers/link/port.ts'
import { Problem } from '#model/problem.ts'
import { openLab, quickPace, quietDoor, until, type Lab } from './link-lab.ts'

/** A lab with one honest agent, which must still be served when the proof is over. */
function beside(sentence: string, proof: (lab: Lab) => Promise<void>) {
  test(sentence, { timeout: 60_000 }, async () => {
    const lab = await openLab('tcp')
    try {
      await lab.connect(quietDoor('honest'))
      await until('session', () => lab.sessions.length === 1)
      await proof(lab)
      const [honest] = lab.sessions
      assert.deepEqual(await honest?.ask({ ask: 'log', guest: 'g' }, 10_000), new Uint8Array([1]))
    } finally {
      await lab.close()
    }
  })
}

const portOf = (lab: Lab) => ('port' in lab.address ? lab.address.port : 0)

function tlsTo(lab: Lab, credentials: Partial<Credentials>, more: ConnectionOptions = {}): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(lab),
    ca: lab.authority.certificate,
    servername: controllerName,
    ALPNProtocols: [protocol],
    ...(credentials.key === undefined ? {} : { cert: credentials.certificate, key: credentials.key }),
    ...more,
  })
  socket.on('error', () => {})
  return socket
}

/** An agent that proves its host and then says what it likes on the link's stream. */
async function babbler(lab: Lab, host: string, speak: (stream: ServerHttp2Stream) => void) {
  const socket = tlsTo(lab, await lab.credentials(host))
  const http = performServerHandshake(socket)
  http.on('error', () => {})
  http.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    speak(stream)
  })
  return http
}

const closed = (emitter: { readonly destroyed: boolean; once(event: 'close', call: () => void): unknown }) =>
  new Promise<void>((resolve) => (emitter.destroyed ? resolve() : emitter.once('close', resolve)))

const hello = (host: string) => `${JSON.stringify({ host, incarnation: 'i', version: '1', have: {} })}\n`
const linkTo = (lab: Lab, credentials: Credentials, door: AgentDoor) =>
  linkClient({ host: '127.0.0.1', port: portOf(lab), credentials }).connect(
    door,
    new AbortController().signal,
  )

beside('without a certificate, or with one of another purpose or authority, nobody gets in', async (lab) => {
  const other = await x509Certificates(Date.now).ensureAuthority(`${lab.folder}/other`)
  const api = await lab.authority.issue({ purpose: 'api', names: ['h-1.lan'] })
  const foreign = await other.issue({ purpose: 'agent', host: 'honest' })
  const link = await lab.authority.issue({ purpose: 'controller' })
  for (const credentials of [api, link, { ...foreign, authority: lab.authority.certificate }]) {
    await assert.rejects(linkTo(lab, credentials, quietDoor('honest')), { code: 'link/refused' })
  }
  await closed(tlsTo(lab, {}))
  await closed(tlsTo(lab, await lab.credentials('honest'), { ALPNProtocols: ['http/1.1'] }))
  await closed(tlsTo(lab, await lab.credentials('honest'), { maxVersion: 'TLSv1.2' }))
  assert.equal(lab.sessions.length, 1)
})

beside('an agent refuses a controller of another authority and one that is only a listener', async (lab) => {
  const stranger = await openLab('tcp')
  const credentials = await lab.credentials('honest')
  await assert.rejects(linkTo(stranger, credentials, quietDoor('honest')), { code: 'link/refused' })
  stranger.server.renew(await stranger.authority.issue({ purpose: 'api', names: ['localhost'] }))
  const own = await stranger.credentials('honest')
  await assert.rejects(linkTo(stranger, own, quietDoor('honest')), { code: 'link/refused' })
  await stranger.close()
})

beside('no spelling of a name lets one host speak for another', async (lab) => {
  const credentials = await lab.credentials('evil')
  const names = [
    'honest',
    'HONEST',
    'evil.agents',
    '*',
    'evil\n',
    ' evil',
    'evil,DNS:honest',
    '',
    'x'.repeat(64),
    '__proto__',
  ]
  for (const name of names) {
    await assert.rejects(linkTo(lab, credentials, quietDoor(name)), (error) => error instanceof Problem, name)
  }
  assert.equal(lab.sessions.length, 1)
})

const hostile: readonly (readonly [string, string | Buffer])[] = [
  ['garbage', '\x00\xff\xfegarbage\n'],
  ['no JSON', 'hello\n'],
  ['bad UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a])],
  ['deep nesting', `{"say":"heartbeat","atMs":1,"usage":${'['.repeat(200_000)}${']'.repeat(200_000)}}\n`],
  ['an unknown word', '{"say":"sudo"}\n'],
  ['wrong types', '{"say":"report","sequence":"1","kind":{},"id":[],"generation":null,"status":1}\n'],
  [
    'a fraction for a sequence',
    '{"say":"report","sequence":1.5,"kind":"g","id":"1","generation":1,"status":1}\n',
  ],
  ['a line without end', 'x'.repeat(lineBytes + 2)],
  ['an empty line', '\n'],
  ['a prototype', '{"__proto__":{"say":"heartbeat"},"atMs":1}\n'],
]

beside('a hello that is none is refused within the greeting', async (lab) => {
  for (const [what, bytes] of [...hostile, ['null', 'null\n'], ['silence', '']] as const) {
    const http = await babbler(lab, 'bad', (stream) => void stream.write(bytes))
    await closed(http).then(() => assert.equal(lab.sessions.length, 1, what))
  }
})

beside('after an honest hello, what is no word of the link ends that session alone', async (lab) => {
  for (const [what, bytes] of hostile) {
    const before = lab.sessions.length
    const http = await babbler(lab, 'bad', (stream) => {
      stream.write(hello('bad'))
      stream.write(bytes)
    })
    await until(what, () => lab.sessions.length > before)
    const ups: Up[] = []
    for await (const up of lab.sessions.at(-1)?.ups ?? []) ups.push(up)
    assert.deepEqual(ups, [], what)
    await Promise.all([closed(http), lab.sessions.at(-1)?.closed])
  }
})

beside('a line in one-byte pieces arrives, and one that only grows is bounded', async (lab) => {
  const http = await babbler(lab, 'slow', (stream) => {
    stream.write(hello('slow'))
    for (const letter of '{"say":"heartbeat","atMs":7,"usage":{}}\n') stream.write(letter)
  })
  await until('session', () => lab.sessions.length === 2)
  for await (const up of lab.sessions[1]?.ups ?? []) {
    assert.equal(up.say, 'heartbeat')
    break
  }
  await closed(http)
})

beside('an agent that answers an ask without end, or with a false problem, cannot harm', async (lab) => {
  const answers: ((stream: ServerHttp2Stream) => void)[] = [
    (stream) => {
      stream.respond({ ':status': 200 })
      const pour = () => {
        while (!stream.destroyed && stream.write(Buffer.alloc(1 << 20)));
        if (!stream.destroyed) stream.once('drain', pour)
      }
      pour()
    },
    (stream) => {
      stream.respond({ ':status': 409 })
      stream.end('{"code":"__proto__","facts":{"a":{}}}')
    },
    (stream) => {
      stream.respond({ ':status': 500 })
      stream.end('no json')
    },
    (stream) => stream.destroy(),
    () => {},
  ]
  for (const answer of answers) {
    const before = lab.sessions.length
    const socket = tlsTo(lab, await lab.credentials('odd'))
    const http = performServerHandshake(socket)
    http.on('error', () => {})
    http.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      if (headers[':path'] !== '/link') return answer(stream)
      stream.respond({ ':status': 200 })
      stream.write(hello('odd'))
    })
    await until('session', () => lab.sessions.length > before)
    const asked = lab.sessions.at(-1)?.ask({ ask: 'log', guest: 'g' }, 2000)
    await assert.rejects(asked ?? Promise.resolve(), (error) => error instanceof Problem)
    http.destroy()
  }
})

beside('a handshake or a greeting that dawdles is dropped (slowloris)', async (lab) => {
  const silent = plainly(portOf(lab), '127.0.0.1')
  silent.on('error', () => {})
  const mute = tlsTo(lab, await lab.credentials('mute'))
  await once(mute, 'secureConnect')
  mute.resume()
  const started = performance.now()
  await closed(mute)
  assert.ok(performance.now() - started < quickPace.silentMs + 2000)
  silent.resume()
  await closed(silent)
  assert.ok(performance.now() - started < handshakeMs + 2000)
})

beside('bytes recorded from one connection open no other (replay)', async (lab) => {
  const recorded: Buffer[] = []
  const tap = createServer((agent) => {
    const controller = plainly(portOf(lab), '127.0.0.1')
    agent.on('data', (bytes) => recorded.push(bytes))
    agent.pipe(controller).pipe(agent)
    for (const socket of [agent, controller]) socket.on('error', () => {})
  })
  tap.listen(0, '127.0.0.1')
  await once(tap, 'listening')
  const { port } = tap.address() as AddressInfo
  const place = { host: '127.0.0.1', port, credentials: await lab.credentials('taped') }
  const uplink = await linkClient(place).connect(quietDoor('taped'), new AbortController().signal)
  uplink.close()
  tap.close()
  const replayed = plainly(portOf(lab), '127.0.0.1')
  replayed.on('error', () => {})
  replayed.write(Buffer.concat(recorded))
  replayed.resume()
  await closed(replayed)
  assert.equal(lab.sessions.length, 2)
})

test('whatever JSON comes to the door is a word of the link or a problem, never another error', () => {
  const words = [
    'sync',
    'wish',
    'forget',
    'synced',
    'received',
    'report',
    'event',
    'heartbeat',
    'reset',
    'log',
    'serial',
  ]
  const names = [
    'say',
    'ask',
    'open',
    'wish',
    'revision',
    'document',
    'kind',
    'id',
    'sequence',
    'guest',
    'epoch',
    'have',
    'host',
  ]
  const leaf = fc.oneof(
    fc.constantFrom(...words),
    fc.integer(),
    fc.double(),
    fc.string(),
    fc.constant(null),
    fc.boolean(),
  )
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.array(tie('any')),
      fc.dictionary(fc.constantFrom(...names), tie('any')),
    ),
  })).any
  const doors = [helloFrom, downFrom, upFrom, askFrom, openFrom]
  fc.assert(
    fc.property(value, (message) => {
      for (const door of doors) {
        try {
          door(message)
        } catch (error) {
          assert.ok(error instanceof Problem && error.code === 'request/malformed')
        }
      }
      assert.ok(problemFrom(message) instanceof Problem)
    }),
    { numRuns: 2000, seed: 7 },
  )
})
