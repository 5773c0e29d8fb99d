/** Contents through API, link and agent: uploads that go on by themselves, exports that are whole or fail. */

import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { at } from '#base/json.ts'
import { openApi } from '#api/open.ts'
import { present } from '#base/assert.ts'
import { Client } from '#client/client.ts'
import { arrival, upload } from '#client/upload.ts'
import { kindNamed } from '#kinds/registry.ts'
import { create, state, together, until, wished } from './bench.ts'

const token = 'local-administrator-of-this-test'
const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const image = present(kindNamed('image'), 'images are a kind')
const content = Buffer.alloc(300_000, 'what somebody sends ')

async function served(t: TestContext) {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  const api = await openApi(controller.desk, {
    allowedHosts: ['127.0.0.1'],
    localTokenHash: sha256(token),
    log: () => {},
  })
  await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve))
  const { port } = api.server.address() as AddressInfo
  t.after(async () => {
    await api.close()
    await agent.stop()
    await controller.stop()
  })
  const url = `http://127.0.0.1:${port}`
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${url}/api/v1/images/mine${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/octet-stream',
        ...init.headers,
      },
    })
  const made = await create(controller, wished('image', 'mine', {}))
  await until(controller, made, (seen) => state(seen) === 'waiting')
  return { lab, controller, made, ask, client: new Client({ url, token }) }
}

/** The content from a byte on; the first attempts break off after some of it. */
function breaking(times: number) {
  let left = times
  const froms: number[] = []
  return {
    froms,
    open: (from: number) => {
      froms.push(from)
      return (async function* () {
        const isBad = left-- > 0
        for (let at = from; at < content.length; at += 50_000) {
          if (isBad && at >= from + 100_000) throw new Error('the file cannot be read just now')
          yield content.subarray(at, at + 50_000)
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      })()
    },
  }
}

test('an upload that breaks off goes on where it was, and the image is what was sent', async (t) => {
  const { controller, made, client, lab } = await served(t)
  const source = breaking(2)
  const broken: unknown[] = []
  await upload(client, image, 'mine', {
    open: source.open,
    bytes: content.length,
    pauseMs: 10,
    onBroken: (why) => broken.push(why),
  })
  await until(controller, made, (seen) => state(seen) === 'ready')
  equal([...lab.disk.images.values()][0]?.sha256, sha256(content))
  ok(broken.length >= 2)
  equal(source.froms[0], 0)
  ok(
    source.froms.slice(1).some((from) => from > 0),
    source.froms.join(),
  )
})

test('how much is there is told; a part that does not follow, is too long or says no place is refused', async (t) => {
  const { ask, client, controller, made } = await served(t)
  deepEqual(await arrival(client, image, 'mine'), { bytes: 0, isWhole: false })
  const total = { 'upload-length': String(content.length) }
  const part = (from: number, to: number, headers = {}) =>
    ask('/content', {
      method: 'PATCH',
      headers: { 'upload-offset': String(from), ...total, ...headers },
      body: content.subarray(from, to),
    })
  equal((await part(0, 1000)).status, 200)
  equal((await ask('/content', { method: 'HEAD' })).headers.get('upload-offset'), '1000')
  const late = await part(2000, 3000)
  equal(late.status, 409)
  match(await late.text(), /image\/offset/)
  equal((await part(1000, 2000, { 'upload-length': '1500' })).status, 400)
  equal((await ask('/content', { method: 'PATCH', body: content })).status, 400)
  equal((await part(1000, content.length)).status, 200)
  await until(controller, made, (seen) => state(seen) === 'ready')
  equal((await ask('/content', { method: 'HEAD' })).headers.get('upload-complete'), '?1')
})

test('an image is given out whole, with its length; formats that there are not are refused', async (t) => {
  const { ask, controller, made } = await served(t)
  equal((await ask('/content')).status, 409)
  await ask('/content', { method: 'PUT', body: content })
  await until(controller, made, (seen) => state(seen) === 'ready')
  for (const format of ['qcow2', 'raw', 'ova']) {
    const given = await ask(`/content?format=${format}`)
    const text = await given.text()
    deepEqual([given.status, given.headers.get('content-length')], [200, String(text.length)])
    match(text, new RegExp(`^${format} `))
    match(given.headers.get('content-disposition') ?? '', new RegExp(`mine\\.${format}`))
  }
  equal((await ask('/content?format=zip')).status, 422)
})

test('what the host breaks off does not look whole', async (t) => {
  const { ask, controller, made } = await served(t)
  await ask('/content', { method: 'PUT', body: content })
  await until(controller, made, (seen) => state(seen) === 'ready')
  const { desk } = controller
  const { open } = desk
  t.mock.method(desk, 'open', async (...words: Parameters<typeof open>) => {
    const channel = await open(...words)
    return {
      ...channel,
      write: channel.write,
      bytes: (async function* () {
        for await (const piece of channel.bytes) {
          const end = piece.indexOf(0x0a)
          yield end < 0 ? piece.subarray(0, 3) : piece
          if (end < 0) return
        }
      })(),
    }
  })
  await rejects(async () => {
    const given = await ask('/content?format=raw')
    await given.arrayBuffer()
  })
})

test('the catalogue is there for whoever signs in, and an image of it needs no more than its name', async (t) => {
  const { client, controller } = await served(t)
  const { items } = (await client.caller.json('/api/v1/image-catalogue')) as { items: { name: string }[] }
  ok(items.some(({ name }) => name === 'debian-13'))
  const made = await client.create(image, { name: 'deb', spec: { catalogue: 'debian-13' } })
  const seen = await until(controller, made as never, (document) => state(document) === 'ready')
  equal(at(seen, 'status.defaultUser'), 'debian')
})
