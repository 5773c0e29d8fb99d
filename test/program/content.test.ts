/** The content of an image on its way into a host: only what was told as whole becomes an image. */

import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Document } from '#model/document.ts'
import { joined } from '#program/agent/joined.ts'
import { create, state, together, until, wished } from './bench.ts'

const receivedBytes = (document: Document | undefined) =>
  (document?.status as { receivedBytes?: number } | undefined)?.receivedBytes ?? 0
const words = (text: string) => new TextEncoder().encode(text)

async function all(channel: ByteChannel): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const piece of channel.bytes) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

/** An upload of unstated length to a real agent, and what became of its image. */
async function uploaded(finish: (channel: ByteChannel) => void) {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  const image = await create(controller, wished('image', 'mine', { source: 'upload' }))
  await until(controller, image, (seen) => state(seen) === 'waiting')
  const channel = await controller.desk.open('h1', {
    open: 'content',
    image: image.id,
    bytes: null,
    offset: 0,
    total: null,
  })
  await channel.write(words('the first half'))
  finish(channel)
  const said = await all(channel).catch(() => 'nothing')
  const seen = await until(controller, image, (now) => state(now) === 'ready' || receivedBytes(now) > 0)
  const files = [...lab.disk.images.values()]
  await agent.stop()
  await controller.stop()
  return { said, state: state(seen), sealed: files.length }
}

test('an upload whose end was told becomes an image', async () => {
  deepEqual(await uploaded((channel) => channel.end()), {
    said: '{"ok":true,"isWhole":true}\n',
    state: 'ready',
    sealed: 1,
  })
})

test('an upload that was closed before its end becomes none, even when nobody knows its length; what came is kept', async () => {
  const { state: end, sealed } = await uploaded((channel) => channel.close())
  deepEqual([end, sealed], ['waiting', 0])
})

test('whoever leaves an export before its end troubles nobody else', async () => {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  const image = await create(controller, wished('image', 'small', { source: 'starter' }))
  await until(controller, image, (seen) => state(seen) === 'ready')
  const machine = { name: 'm', description: '', system: 'Linux', cpus: 1, memoryMib: 64, firmware: '' }
  const appliance = { ...machine, disks: [], nics: [], notCarried: [] }
  const open = { open: 'export', of: 'image', ids: [image.id], format: 'raw', appliance } as const
  const left = await controller.desk.open('h1', open)
  left.close()
  const channel = await controller.desk.open('h1', open)
  equal((await all(channel)).slice(0, 10), '{"ok":true')
  await agent.stop()
  await controller.stop()
})

test('of two joined ends each hears the end of the other, and all that came before it', async () => {
  const [near, far] = joined()
  const heard = all(far)
  await near.write(words('one '))
  void near.write(words('two'))
  near.end()
  equal(await heard, 'one two')
  await rejects(near.write(words('three')), { code: 'link/lost' })
  const answer = all(near)
  far.end()
  equal(await answer, '')
})

test('what was closed before its end is lost to the other end, and quiet to its own', async () => {
  const [near, far] = joined()
  const [own, other] = [all(near), all(far)]
  near.close()
  near.close()
  equal(await own, '')
  await rejects(other, { code: 'link/lost' })
  await rejects(far.write(words('more')), { code: 'link/lost' })
})

test('a write that nobody will take any more is refused, not left waiting', async () => {
  const [near, far] = joined()
  const waiting = [near.write(words('never read')), far.write(words('never read either'))]
  far.close()
  for (const write of waiting) await rejects(write, { code: 'link/lost' })
})

test('who ends and then closes has still said what was written', async () => {
  const [near, far] = joined()
  const said = near.write(words('last words'))
  near.end()
  near.close()
  equal(await all(far), 'last words')
  await said
})
