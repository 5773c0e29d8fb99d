/** The simulated link keeps the contract under virtual time, and fails as it is told to. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '#drivers/clock/port.ts'
import { limits } from '#model/limits.ts'
import { obeysLinkContract } from '../contract.ts'
import type { AgentDoor, Down, Session, Up } from '../port.ts'
import type { Fate, Faults, Passing } from './faults.ts'
import { memoryLink } from './link.ts'

/** Virtual time: passes only when told to, timers in the order of their moments. */
class TestClock implements Clock {
  #nowMs = 0
  #timers: { readonly atMs: number; readonly call: () => void }[] = []
  now = () => 1e12 + this.#nowMs
  monotonic = () => this.#nowMs
  sleep = (ms: number) => new Promise<void>((resolve) => void this.after(ms, resolve))
  after(ms: number, call: () => void) {
    const timer = { atMs: this.#nowMs + ms, call }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }
  get waiting() {
    return this.#timers.length
  }
  async pass(ms: number) {
    const end = this.#nowMs + ms
    for (;;) {
      await settled()
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > end) break
      this.#nowMs = next.atMs
      this.#timers = this.#timers.filter((other) => other !== next)
      next.call()
    }
    this.#nowMs = end
  }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

obeysLinkContract('the memory link', async () => {
  const clock = new TestClock()
  const link = memoryLink(clock)
  return {
    server: link.server,
    client: (host) => link.client(host),
    cut: (host) => link.cut(host),
    pass: (ms) => clock.pass(ms),
    close: () => link.server.close(),
  }
})

const doorOf = (downs: Down[]): AgentDoor => ({
  hello: () => ({ host: 'h', incarnation: 'i', version: '1', have: {} }),
  down: (down) => void downs.push(down),
  ask: async () => new Uint8Array(1),
  open: () => Promise.reject(new Error('not here')),
})

const beat = (atMs: number): Up => ({ say: 'heartbeat', atMs, usage: {} })
const downAt = (revision: number): Down => ({ say: 'synced', revision })

function scene(fate: (passing: Passing) => Fate, connect?: Faults['connect']) {
  const clock = new TestClock()
  const link = memoryLink(clock, {
    message: (_way, _host, passing) => fate(passing),
    ...(connect === undefined ? {} : { connect }),
  })
  const downs: Down[] = []
  const ups: Up[] = []
  const sessions: Session[] = []
  link.server.onSession(async (session) => {
    sessions.push(session)
    for await (const up of session.ups) ups.push(up)
  })
  const dial = () => link.client('h').connect(doorOf(downs), new AbortController().signal)
  return { clock, downs, ups, sessions, dial }
}

const is = (passing: Passing, revision: number) => 'revision' in passing && passing.revision === revision

test('a late message holds back those behind it, and nothing is lost', async () => {
  const { clock, downs, sessions, dial } = scene((passing) => (is(passing, 1) ? { lateMs: 500 } : 'pass'))
  await dial()
  for (const n of [0, 1, 2]) sessions[0]?.send(downAt(n))
  await clock.pass(400)
  assert.deepEqual(downs, [downAt(0)])
  await clock.pass(200)
  assert.deepEqual(downs, [0, 1, 2].map(downAt))
})

test('a cut loses what is under way, cut-after delivers it first', async () => {
  for (const [fate, got] of [
    ['cut', []],
    ['cut-after', [downAt(0), downAt(1)]],
  ] as const) {
    const { clock, downs, sessions, dial } = scene((passing) => (is(passing, 1) ? fate : 'pass'))
    const uplink = await dial()
    await settled()
    for (const n of [0, 1]) sessions[0]?.send(downAt(n))
    await clock.pass(1)
    assert.deepEqual(downs, got)
    await Promise.all([uplink.closed, sessions[0]?.closed])
  }
})

test('a repeated message comes again at the beginning of the next connection', async () => {
  let repeats = 1
  const { clock, downs, dial, sessions } = scene(() => (repeats-- > 0 ? 'repeat' : 'pass'))
  const uplink = await dial()
  sessions[0]?.send(downAt(1))
  await clock.pass(1)
  uplink.close()
  await dial()
  sessions[1]?.send(downAt(2))
  await clock.pass(1)
  assert.deepEqual(downs, [downAt(1), downAt(1), downAt(2)])
})

test('silence one way ends both sides only when its bound has passed', async () => {
  const { clock, ups, dial, sessions } = scene((passing) =>
    'atMs' in passing && passing.atMs === 2 ? 'silence' : 'pass',
  )
  const uplink = await dial()
  await settled()
  let isClosed = false
  void sessions[0]?.closed.then(() => (isClosed = true))
  for (const atMs of [1, 2, 3]) uplink.say(beat(atMs))
  await clock.pass(limits.hostSilentMs - 1)
  assert.deepEqual([ups, isClosed], [[beat(1)], false])
  await clock.pass(1)
  await Promise.all([uplink.closed, sessions[0]?.closed])
  assert.equal(clock.waiting, 0)
})

test('a refused connect fails at once, a hanging one within the bound', async () => {
  await assert.rejects(
    scene(
      () => 'pass',
      () => 'refuse',
    ).dial(),
    { code: 'link/lost' },
  )
  const hanging = scene(
    () => 'pass',
    () => 'hang',
  )
  const dialled = assert.rejects(hanging.dial(), { code: 'link/lost' })
  await hanging.clock.pass(limits.hostSilentMs)
  await dialled
})

test('a thousand agents connect, speak and part; no timer and no connection is left', async () => {
  const clock = new TestClock()
  const link = memoryLink(clock)
  let heard = 0
  link.server.onSession(async (session) => {
    for (const n of Array(10).keys()) session.send(downAt(n))
    for await (const _ of session.ups) heard++
  })
  const downs: Down[] = []
  for (const n of Array(1000).keys()) {
    const door = {
      ...doorOf(downs),
      hello: () => ({ host: `h${n}`, incarnation: 'i', version: '1', have: {} }),
    }
    const uplink = await link.client(`h${n}`).connect(door, new AbortController().signal)
    for (const beatAt of Array(10).keys()) uplink.say(beat(beatAt))
  }
  await clock.pass(10)
  link.cut()
  await clock.pass(10)
  assert.deepEqual([heard, downs.length, clock.waiting], [10_000, 10_000, 0])
})
