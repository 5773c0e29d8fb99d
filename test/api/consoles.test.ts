/** Consoles and uploads: bytes that pass through the API, over real sockets. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { Problem } from '#model/problem.ts'
import type { ByteChannel, Open } from '#drivers/link/port.ts'
import { bench, call, localToken, person, plant, report, type Bench, type Fakes } from './desk.ts'

let on: Bench
let port: number
const fakes: Fakes = { open: async (_host, open) => answer(open) }
let answer: (open: Open) => ByteChannel

before(async () => {
  on = await bench({ fakes })
  await new Promise<void>((resolve) => on.api.server.listen(0, '127.0.0.1', resolve))
  port = (on.api.server.address() as AddressInfo).port
  const guest = { id: 'g-1', pid: 1, epoch: 1, boot: 1, startedAtMs: 1, accelerator: 'tcg', proof: null }
  await plant(on.desk.replica, {
    kind: 'machine',
    name: 'm',
    project: 'default',
    status: { state: 'running', host: 'h', guest },
  })
})
after(() => on.close())

/** A guest that says hello and repeats what it hears, until it is unplugged. */
function echo() {
  const waiting: Uint8Array[] = [Buffer.from('hello ')]
  let [wake, isOver, heard] = [() => {}, false, 0]
  const channel: ByteChannel = {
    bytes: (async function* () {
      for (;;) {
        const next = waiting.shift()
        if (next !== undefined) yield next
        else if (isOver) return
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    })(),
    write: async (bytes) => {
      heard += bytes.length
      waiting.push(bytes)
      wake()
    },
    end: () => {},
    close: () => {
      isOver = true
      wake()
    },
  }
  return { channel, heard: () => heard, isClosed: () => isOver }
}

async function until(isSo: () => boolean) {
  while (!isSo()) await sleep(5)
}

const ticket = async (token = localToken) =>
  call(on.api, '/api/v1/machines/m/consoles', { body: { type: 'serial' }, token })

const connect = (address: string, headers: Record<string, string> = {}) =>
  new WebSocket(`ws://127.0.0.1:${port}${address}`, { headers })

async function refusal(socket: WebSocket): Promise<number> {
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    { statusCode: number; resume: () => void },
  ]
  response.resume()
  socket.terminate()
  return response.statusCode
}

test('a console carries bytes both ways and says when the guest is gone', async () => {
  const guest = echo()
  const opened: Open[] = []
  answer = (open) => {
    opened.push(open)
    return guest.channel
  }
  const socket = connect(String((await ticket()).at('address')))
  let text = ''
  socket.on('message', (data: Buffer, isBinary) => {
    assert.ok(isBinary)
    text += data.toString()
  })
  await once(socket, 'open')
  socket.send('ab')
  socket.send(Buffer.from('cd'))
  while (!text.includes('abcd')) await sleep(2)
  assert.equal(text, 'hello abcd')
  assert.deepEqual(opened, [{ open: 'serial', guest: 'g-1' }])
  guest.channel.close()
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [1000, 'the guest is gone'])
})

test('a ticket is used once, by its person, from our own pages (I-28)', async () => {
  answer = () => echo().channel
  const eve = await person(on, 'eve', [{ project: 'default', role: 'operator' }])
  const address = String((await ticket()).at('address'))
  const socket = connect(address)
  await once(socket, 'open')
  assert.equal(await refusal(connect(address)), 401)
  socket.close()
  assert.equal(await refusal(connect('/api/v1/console?ticket=guess')), 401)
  assert.equal(await refusal(connect('/api/v1/console')), 401)
  assert.equal(await refusal(connect('/elsewhere')), 404)
  const other = String((await ticket()).at('address'))
  assert.equal(await refusal(connect(other, { authorization: `Bearer ${eve}` })), 401, "somebody else's")
  const crossed = String((await ticket()).at('address'))
  assert.equal(await refusal(connect(crossed, { origin: 'http://evil.example' })), 403)
  assert.equal(await refusal(connect(crossed, { host: 'evil.example' })), 403)
  const viewer = await person(on, 'vic', [{ project: 'default', role: 'viewer' }])
  assert.equal((await ticket(viewer)).status, 403)
})

test('a guest that reads slowly holds the person back, not the memory', async () => {
  let [taken, release] = [0, () => {}]
  const held = new Promise<void>((resolve) => (release = resolve))
  answer = () => ({
    ...echo().channel,
    write: async (bytes) => {
      await held
      taken += bytes.length
    },
  })
  const socket = connect(String((await ticket()).at('address')))
  await once(socket, 'open')
  const block = Buffer.alloc(65_536)
  for (let at = 0; at < 400; at++) socket.send(block)
  await sleep(300)
  assert.ok(socket.bufferedAmount > 5_000_000, `${socket.bufferedAmount} wait at the sender`)
  release()
  await until(() => taken === 400 * 65_536)
  socket.close()
})

test('a console ends when its person may no longer', async () => {
  const token = await person(on, 'olaf', [{ project: 'default', role: 'operator' }])
  answer = () => echo().channel
  const socket = connect(String((await ticket(token)).at('address')))
  await once(socket, 'message')
  await call(on.api, '/api/v1/users/olaf', { method: 'PATCH', body: { spec: { bindings: [] } } })
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [1008, 'you may no longer'])
})

test('a console ends with the token that asked for it', async () => {
  const whole = await person(on, 'tom', [{ project: 'default', role: 'operator' }])
  const made = await call(on.api, '/api/v1/tokens', {
    body: { name: 'toms-other', spec: { user: 'tom' } },
    token: whole,
  })
  const token = String(made.at('secret'))
  answer = () => echo().channel
  const socket = connect(String((await ticket(token)).at('address')))
  await once(socket, 'message')
  const late = String((await ticket(token)).at('address'))
  const ended = once(socket, 'close')
  assert.equal((await call(on.api, '/api/v1/tokens/toms-other', { method: 'DELETE' })).status, 200)
  const [code, reason] = (await ended) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [1008, 'you may no longer'])
  const [lateCode] = (await once(connect(late), 'close')) as [number]
  assert.equal(lateCode, 1011, 'nor does a ticket outlive it')
})

test('a host that does not answer is said in the close', async () => {
  answer = () => {
    throw new Problem('host/silent', { host: 'h' })
  }
  const socket = connect(String((await ticket()).at('address')))
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  assert.deepEqual([code, reason.toString()], [1011, 'host/silent: Host h does not answer.'])
})

type Upload = { bytes: number; answer: (text: string) => void; channel: ByteChannel }

function upload(): Upload {
  let reply: (text: string) => void = () => {}
  const answered = new Promise<string>((resolve) => (reply = resolve))
  const up: Upload = {
    bytes: 0,
    answer: (text) => reply(text),
    channel: {
      bytes: (async function* () {
        yield Buffer.from(await answered)
      })(),
      write: async (bytes) => {
        up.bytes += bytes.length
      },
      end: () => reply('{"ok":true}\n'),
      close: () => reply(''),
    },
  }
  return up
}

async function image(name: string) {
  const made = await call(on.api, '/api/v1/images', { body: { name } })
  await report(on.desk.replica, {
    kind: 'image',
    id: String(made.at('id')),
    host: 'h',
    status: { state: 'waiting' },
  })
}

function put(name: string, chunks: readonly Buffer[], headers: Record<string, string | number> = {}) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method: 'PUT',
        path: `/api/v1/images/${name}/content`,
        agent: false,
        headers: {
          authorization: `Bearer ${localToken}`,
          'content-type': 'application/octet-stream',
          ...headers,
        },
      },
      async (response) => {
        let text = ''
        for await (const chunk of response) text += String(chunk)
        resolve({ status: response.statusCode ?? 0, text })
      },
    )
    request.on('error', reject)
    for (const chunk of chunks) request.write(chunk)
    request.end()
  })
}

test('the content of an image streams to its host, larger than any other body may be', async () => {
  await image('big')
  const up = upload()
  const opened: Open[] = []
  answer = (open) => {
    opened.push(open)
    return up.channel
  }
  const chunks = Array.from({ length: 64 }, () => Buffer.alloc(65_536, 7))
  const got = await put('big', chunks)
  assert.equal(got.status, 200, got.text)
  assert.equal(up.bytes, 64 * 65_536)
  assert.equal(opened[0]?.open === 'content' && opened[0].bytes, null)
  await image('known')
  const second = upload()
  answer = (open) => {
    opened.push(open)
    return second.channel
  }
  await put('known', [Buffer.from('abc')], { 'content-length': 3 })
  assert.equal(opened[1]?.open === 'content' && opened[1].bytes, 3)
})

test('what the host says against a content is passed on', async () => {
  await image('bad')
  const up = upload()
  answer = () => ({
    ...up.channel,
    end: () =>
      up.answer(
        JSON.stringify({ ok: false, problem: { code: 'image/refused', facts: { why: 'a backing file' } } }),
      ),
  })
  const got = await put('bad', [Buffer.from('x')])
  assert.equal(got.status, 422)
  assert.match(got.text, /image\/refused.*a backing file/)
  await image('lost')
  const cut = upload()
  answer = () => ({ ...cut.channel, end: () => cut.answer('') })
  assert.equal((await put('lost', [Buffer.from('x')])).status, 503)
})

test('content is taken only while the image waits for it', async () => {
  await image('done')
  const id = on.desk.replica.find('image', 'default', 'done')!.document.id
  await report(on.desk.replica, { kind: 'image', id, status: { state: 'ready' } })
  const got = await put('done', [Buffer.from('x')])
  assert.equal(got.status, 409)
  assert.match(got.text, /image\/not-waiting/)
})
