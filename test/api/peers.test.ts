/** Connections that may not speak to us: cut before a word is answered, by HTTP and by WebSocket. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { bench } from './desk.ts'

async function saidTo(isWelcome: (socket: Socket) => Promise<boolean>, words: string): Promise<string> {
  const on = await bench({ options: { isWelcome } })
  await new Promise<void>((resolve) => on.api.server.listen(0, '127.0.0.1', resolve))
  const socket = connect((on.api.server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  socket.on('error', () => {})
  socket.write(words)
  await once(socket, 'close')
  await on.close()
  return text
}

const get = 'GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'
const upgrade =
  'GET /api/v1/console?ticket=x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

const late = (is: boolean) => async () => {
  await new Promise((resolve) => setTimeout(resolve, 50))
  return is
}

test('who is not welcome hears nothing, however late that is known (I-44)', async () => {
  for (const words of [get, upgrade, '']) assert.equal(await saidTo(late(false), words), '')
  assert.match(await saidTo(late(true), get), /^HTTP\/1.1 200 /)
  assert.match(await saidTo(late(true), upgrade), /^HTTP\/1.1 401 /)
})

test('who sends requests ahead and takes no answers is cut; the others are answered (I-46)', async () => {
  const on = await bench()
  await new Promise<void>((resolve) => on.api.server.listen(0, '127.0.0.1', resolve))
  const { port } = on.api.server.address() as AddressInfo
  const request = 'GET /api/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
  const flood = connect(port, '127.0.0.1')
  flood.on('error', () => {})
  flood.write(request.repeat(500))
  flood.resume()
  await once(flood, 'close')
  assert.ok(flood.bytesRead < 10_000_000, `${flood.bytesRead} bytes`)
  const few = connect(port, '127.0.0.1')
  let text = ''
  few.on('data', (bytes: Buffer) => (text += bytes.toString()))
  few.write(`${request.repeat(6)}${get}`)
  await once(few, 'close')
  assert.equal(text.match(/HTTP\/1.1 200 /g)?.length, 7)
  await on.close()
})
