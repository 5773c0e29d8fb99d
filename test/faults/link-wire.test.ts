/** Silence, cuts, stale sockets and other users: what the world does to a link that meant well. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { linkClient } from '#drivers/link/http2/client.ts'
import { openLinkServer } from '#drivers/link/http2/server.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { anOpen, openLab, quickPace as pace, quietDoor, until } from './link-lab.ts'

const signal = () => new AbortController().signal

async function inLab(proof: (lab: Awaited<ReturnType<typeof openLab>>) => Promise<void>) {
  const lab = await openLab('tcp')
  await proof(lab).finally(() => lab.close())
}

const session = (lab: Awaited<ReturnType<typeof openLab>>) => {
  const last = lab.sessions.at(-1)
  assert.ok(last !== undefined)
  return last
}

for (const ways of [['up'], ['down'], ['up', 'down']] as const) {
  test(`silence ${ways.join(' and ')} ends both sides within the bound, pending asks included`, () =>
    inLab(async (lab) => {
      const door = quietDoor('h-1', { ask: () => new Promise(() => {}) })
      const uplink = await lab.connect(door)
      const asked = assert.rejects(session(lab).ask({ ask: 'log', guest: 'g' }, 60_000), {
        code: 'link/lost',
      })
      const { wire } = await lab.wire('h-1')
      const startedMs = performance.now()
      for (const way of ways) wire.mute(way)
      await Promise.all([asked, uplink.closed, session(lab).closed])
      const tookMs = performance.now() - startedMs
      assert.ok(
        tookMs > pace.silentMs - pace.pingMs && tookMs < pace.silentMs + 6 * pace.pingMs,
        `${tookMs} ms`,
      )
    }))
}

test('a process that was itself held up does not take its peer for dead (I-03)', () =>
  inLab(async (lab) => {
    const uplink = await lab.connect(quietDoor('h-1'))
    await sleep(1.5 * pace.pingMs)
    let isClosed = false
    void Promise.race([uplink.closed, session(lab).closed]).then(() => (isClosed = true))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * pace.silentMs)
    await sleep(2 * pace.pingMs)
    assert.equal(isClosed, false)
    assert.equal((await session(lab).ask({ ask: 'log', guest: 'g' }, 10_000)).length, 1)
  }))

test('after a cut an agent is back at once', (t) =>
  inLab(async (lab) => {
    const door = quietDoor('h-1')
    const tookMs: number[] = []
    for (let turn = 0; turn < 10; turn++) {
      const uplink = await lab.connect(door)
      const { wire } = await lab.wire('h-1')
      const startedMs = performance.now()
      wire.cut()
      await Promise.all([uplink.closed, session(lab).closed])
      await lab.connect(door)
      tookMs.push(performance.now() - startedMs)
      session(lab).close()
    }
    const medianMs = tookMs.toSorted((a, b) => a - b)[5] ?? 0
    t.diagnostic(`cut noticed and connected again: median ${medianMs.toFixed(1)} ms`)
    assert.ok(medianMs < 1000)
  }))

/** What an agent keeps of an upload: it writes slowly, as a disk does, and knows how it ended. */
function slowSink() {
  const sink = { bytes: 0, end: 'none' as 'none' | 'whole' | 'broken' }
  const channel: ByteChannel = {
    bytes: (async function* () {
      await until('the end', () => sink.end !== 'none')
      yield Buffer.from(sink.end)
    })(),
    write: async (bytes) => {
      await sleep(1)
      sink.bytes += bytes.length
    },
    end: () => void (sink.end = 'whole'),
    close: () => {
      if (sink.end === 'none') sink.end = 'broken'
    },
  }
  return { sink, channel }
}

test('an upload that ends well arrives whole before its end is told, however slow the disk', () =>
  inLab(async (lab) => {
    const { sink, channel } = slowSink()
    await lab.connect(quietDoor('h-1', { open: async () => channel }))
    const upload = await session(lab).open(anOpen)
    for (let n = 0; n < 8; n++) await upload.write(Buffer.alloc(1 << 20))
    upload.end()
    const answer: Uint8Array[] = []
    for await (const bytes of upload.bytes) answer.push(bytes)
    assert.deepEqual([String(Buffer.concat(answer)), sink.bytes], ['whole', 8 << 20])
  }))

test('the last bytes are still written when the agent had nothing to say back', () =>
  inLab(async (lab) => {
    const { sink, channel } = slowSink()
    const write = (bytes: Uint8Array) => sleep(200).then(() => channel.write(bytes))
    await lab.connect(
      quietDoor('h-1', { open: async () => ({ ...channel, write, bytes: (async function* () {})() }) }),
    )
    const upload = await session(lab).open(anOpen)
    await upload.write(Buffer.from('last words'))
    upload.end()
    await until('an end', () => sink.end !== 'none')
    assert.deepEqual(sink, { bytes: 10, end: 'whole' })
  }))

for (const how of ['cut', 'close', 'session', 'silence'] as const) {
  test(`an upload broken by ${how} never looks whole`, () =>
    inLab(async (lab) => {
      const { sink, channel } = slowSink()
      await lab.connect(quietDoor('h-1', { open: async () => channel }))
      const { wire } = await lab.wire('h-1')
      const upload = await session(lab).open(anOpen)
      for (let n = 0; n < 4; n++) await upload.write(Buffer.alloc(1 << 20))
      if (how === 'cut') wire.cut()
      if (how === 'close') upload.close()
      if (how === 'session') session(lab).close()
      if (how === 'silence') wire.mute('down')
      await until('broken', () => sink.end !== 'none')
      await sleep(100)
      assert.equal(sink.end, 'broken')
    }))
}

test('a channel that its reader closed after the end of the other way is closed on the agent too', () =>
  inLab(async (lab) => {
    const { promise: isClosed, resolve: close } = Promise.withResolvers<void>()
    const inner: ByteChannel = {
      bytes: (async function* () {
        await isClosed
        yield* []
      })(),
      write: async () => {},
      end: () => {},
      close,
    }
    await lab.connect(quietDoor('h-1', { open: async () => inner }))
    const channel = await session(lab).open(anOpen)
    channel.end()
    await sleep(50)
    channel.close()
    await isClosed
  }))

async function inFolder(proof: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-socket-'))
  await proof(folder).finally(() => rmSync(folder, { recursive: true }))
}

/** A link over a Unix socket in any folder, with the certificates of the lab. */
async function unixPair(lab: Awaited<ReturnType<typeof openLab>>, path: string) {
  const server = await openLinkServer({
    path,
    credentials: await lab.authority.issue({ purpose: 'controller' }),
    pace,
  })
  server.onSession(() => {})
  const client = linkClient({ path, credentials: await lab.credentials('h-1'), pace })
  return { server, dial: () => client.connect(quietDoor('h-1'), signal()) }
}

test('the socket is its owner’s alone, is gone after close, and a folder holds nothing else', () =>
  inLab((lab) =>
    inFolder(async (folder) => {
      const path = join(folder, 'link.sock')
      const before = process.umask(0)
      const { server, dial } = await unixPair(lab, path)
      process.umask(before)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.deepEqual(readdirSync(folder), ['link.sock'])
      await dial()
      await server.close()
      assert.deepEqual(readdirSync(folder), [])
      await assert.rejects(dial(), { code: 'link/lost' })
    }),
  ))

test('a path longer than a socket address works, and leaves no descriptor behind', () =>
  inLab((lab) =>
    inFolder(async (folder) => {
      const deep = join(folder, 'x'.repeat(100), '한'.repeat(40))
      mkdirSync(deep, { recursive: true })
      const descriptors = () => readdirSync('/proc/self/fd').length
      const before = descriptors()
      const { server, dial } = await unixPair(lab, join(deep, 'link.sock'))
      for (let turn = 0; turn < 5; turn++) (await dial()).close()
      await server.close()
      assert.deepEqual(readdirSync(deep), [])
      await until('descriptors closed', () => descriptors() <= before)
    }),
  ))

test('what a dead controller left is replaced; a living one and a strange file are left alone', () =>
  inLab((lab) =>
    inFolder(async (folder) => {
      const path = join(folder, 'link.sock')
      const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
      const dead = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(dead.stdout, 'data')
      await assert.rejects(unixPair(lab, path), { code: 'start/port-busy' })
      dead.kill('SIGKILL')
      await once(dead, 'exit')
      assert.ok(existsSync(path))
      const first = await unixPair(lab, path)
      await first.dial()
      await assert.rejects(unixPair(lab, path), { code: 'start/port-busy' })
      await first.dial()
      await first.server.close()
      writeFileSync(path, 'precious')
      await assert.rejects(unixPair(lab, path), { code: 'start/port-busy' })
      assert.equal(statSync(path).size, 8)
    }),
  ))

test('a server that closes late leaves the socket of its successor', () =>
  inLab((lab) =>
    inFolder(async (folder) => {
      const path = join(folder, 'link.sock')
      const old = await unixPair(lab, path)
      rmSync(path)
      const successor = await unixPair(lab, path)
      await old.server.close()
      await successor.dial()
      await successor.server.close()
    }),
  ))

/** Whether a process of that uid can connect to the socket; run with no more than Node. */
async function canConnect(uid: number, path: string): Promise<boolean> {
  const script = `require('net').connect(${JSON.stringify(path)}).on('connect', () => process.exit(0)).on('error', () => process.exit(1))`
  const child = spawn(process.execPath, ['-e', script], { uid, gid: uid, stdio: 'ignore', cwd: '/' })
  const [code] = await once(child, 'exit')
  return code === 0
}

test('the agent as root reaches a socket of the controller’s uid; a third user does not', async (t: TestContext) => {
  if (process.getuid?.() !== 0) return t.diagnostic('needs root to become other users')
  await inLab((lab) =>
    inFolder(async (folder) => {
      const path = join(folder, 'link.sock')
      const { server, dial } = await unixPair(lab, path)
      const [controller, stranger] = [0x7000_0000, 0x7000_0001]
      chmodSync(folder, 0o755)
      chownSync(path, controller, controller)
      await dial()
      assert.deepEqual([await canConnect(controller, path), await canConnect(stranger, path)], [true, false])
      await server.close()
    }),
  )
})
