/** The client's watch across cuts, against a small server that cuts on purpose. */

import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Client } from '#client/client.ts'
import { serverEvents } from '#client/stream.ts'
import { watch, type Sight } from '#client/watch.ts'

type Handle = (request: IncomingMessage, response: ServerResponse) => void

async function serverOf(t: TestContext, handle: Handle): Promise<Client> {
  const server = createServer(handle).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return new Client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

const thing = (name: string) =>
  JSON.stringify({ kind: 'machine', id: name, name, project: 'default', spec: {}, status: {} })
const put = (id: string | undefined, name: string) =>
  `${id === undefined ? '' : `id: ${id}\n`}event: put\ndata: ${thing(name)}\n\n`

const quick = { least: 5, most: 20 }

async function taken(sights: AsyncIterable<Sight>, count: number): Promise<string[]> {
  const seen: string[] = []
  for await (const sight of sights) {
    seen.push(sight.type === 'put' ? sight.thing.name : sight.type)
    if (seen.length === count) break
  }
  return seen
}

test('I-17: a watch that is cut in the middle of an event goes on after the last whole one', async (t) => {
  const asked: (string | undefined)[] = []
  const client = await serverOf(t, (request, response) => {
    const last = request.headers['last-event-id']
    asked.push(typeof last === 'string' ? last : undefined)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const texts = [put('1', 'a'), put('2.1', 'b'), put('2', 'c'), put('3', 'd')]
    const from = ['1', '2.1', '2', '3'].indexOf(String(last)) + 1
    const text = texts.slice(from).join('')
    // One event and a half, then the line is dead.
    response.write(text.slice(0, (texts[from]?.length ?? 0) + 12))
    setTimeout(() => response.destroy(), 10)
  })
  const stop = new AbortController()
  const seen = await taken(watch(client, { from: 'now', signal: stop.signal, pauseMs: quick }), 4)
  assert.deepEqual(seen, ['a', 'b', 'c', 'd'])
  assert.deepEqual(asked, [undefined, '1', '2.1', '2'])
})

test('I-17: a list that is cut begins anew, and the reader is told so', async (t) => {
  let calls = 0
  const client = await serverOf(t, (_, response) => {
    calls++
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(put(undefined, 'a'))
    if (calls === 1) return void setTimeout(() => response.destroy(), 10)
    response.write('id: 7\nevent: synced\ndata: {"revision":7}\n\n')
  })
  const stop = new AbortController()
  const seen = await taken(watch(client, { from: 'list', signal: stop.signal, pauseMs: quick }), 4)
  assert.deepEqual(seen, ['a', 'again', 'a', 'synced'])
})

test('I-17: when the history is no longer kept, the list is read again', async (t) => {
  const asked: string[] = []
  const client = await serverOf(t, (request, response) => {
    asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('from') ?? 'resumed')
    if (asked.length === 1) {
      response.writeHead(410, { 'content-type': 'application/problem+json' })
      return void response.end(JSON.stringify({ code: 'store/compacted', title: '', detail: '', facts: {} }))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(put(undefined, 'a'))
  })
  const stop = new AbortController()
  const seen = await taken(watch(client, { from: 5, signal: stop.signal, pauseMs: quick }), 2)
  assert.deepEqual(seen, ['again', 'a'])
  assert.deepEqual(asked, ['5', 'list'])
})

test('a refusal that stays is thrown, a silent line is taken for dead', async (t) => {
  let calls = 0
  const client = await serverOf(t, (_, response) => {
    calls++
    if (calls < 3) return void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    response.writeHead(403, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: 'auth/forbidden', title: 'No', detail: 'No', facts: {} }))
  })
  const stop = new AbortController()
  const sights = watch(client, { from: 'now', signal: stop.signal, pauseMs: quick, silenceMs: 50 })
  await assert.rejects(taken(sights, 1), { code: 'auth/forbidden' })
  assert.equal(calls, 3)
})

test('events are read whatever the pieces in which their bytes arrive', async () => {
  const text = 'retry: 5\r\n: hi\r\n\r\nid: 1\ndata: 한\ndata: 글\n\ndata: x\r\n\r\n'
  const bytes = new TextEncoder().encode(text)
  for (let size = 1; size < bytes.length; size++) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.slice(at * size, (at + 1) * size),
    )
    const seen: string[] = []
    for await (const { data } of serverEvents(ReadableStream.from(pieces) as ReadableStream<Uint8Array>))
      seen.push(data)
    assert.deepEqual(seen, ['한\n글', 'x'], `pieces of ${size}`)
  }
})
