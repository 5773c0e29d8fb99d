/** The queue under virtual time: nothing is lost, nothing runs beside itself, faults come again ever later. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom, wholeFrom } from '#base/random.ts'
import { ClockFace, VirtualTime } from '#sim/clock.ts'
import { pauseMs, WorkQueue, type Round } from './queue.ts'

/** A queue on a clock of its own, with a book of the rounds: when, and for which key. */
function queueOf(work: (key: string, clock: ClockFace) => Promise<Round>, concurrency?: number) {
  const time = new VirtualTime()
  const clock = new ClockFace(time)
  const book: string[] = []
  const faults: unknown[] = []
  const queue = new WorkQueue({
    clock,
    work: async (key) => {
      book.push(`${time.elapsedMs} ${key}`)
      return work(key, clock)
    },
    onFault: (_, fault) => faults.push(fault),
    ...(concurrency === undefined ? {} : { concurrency }),
  })
  const until = async (ms: number) => {
    await time.settle()
    while (await time.step(ms));
  }
  return { queue, book, faults, time, until }
}
/** Work that takes ten milliseconds. */
const slow = async (_: string, clock: ClockFace): Promise<Round> => {
  await clock.sleep(10)
  return {}
}

test('a key waits at most once, and keys come in the order in which they were woken', async () => {
  const { queue, book, until } = queueOf(slow, 1)
  for (const key of ['a', 'b', 'b', 'c', 'b']) queue.wake(key)
  equal(queue.size, 3)
  await until(1_000)
  deepEqual(book, ['0 a', '10 b', '20 c'])
  equal(queue.size, 0)
})

test('a key that is woken while in work has one round more, after that one', async () => {
  const { queue, book, until } = queueOf(slow)
  queue.wake('a')
  await until(5)
  queue.wake('a')
  queue.wake('a')
  await until(1_000)
  deepEqual(book, ['0 a', '10 a'])
})

test('a round that asks for it comes again when it said; an earlier wake takes its place', async () => {
  let left = 2
  const { queue, book, until } = queueOf(async () => (left-- > 0 ? { againMs: 100 } : {}))
  queue.wake('a')
  await until(30)
  queue.wake('a')
  await until(1_000)
  deepEqual(book, ['0 a', '30 a', '130 a'])
})

test('faults come again after growing pauses, at most half a minute apart, and begin anew after a success', async () => {
  deepEqual([0, 1, 2, 6, 7, 50, 5_000].map(pauseMs), [250, 500, 1_000, 16_000, 30_000, 30_000, 30_000])
  let round = 0
  const { queue, book, faults, until } = queueOf(async () => {
    round++
    if (round === 3) return { againMs: 10 }
    if (round < 5) throw new Error('no')
    return {}
  })
  queue.wake('a')
  await until(60_000)
  deepEqual(book, ['0 a', '250 a', '750 a', '760 a', '1010 a'])
  equal(faults.length, 3)
})

test('a fault of one key holds no other back', async () => {
  const { queue, book, until } = queueOf(async (key) => {
    if (key === 'bad') throw new Error('no')
    return {}
  }, 1)
  queue.wake('bad')
  queue.wake('good')
  await until(100)
  deepEqual(book, ['0 bad', '0 good'])
})

test('once stopped it starts nothing more and waits for what is in work', async () => {
  const { queue, book, time, until } = queueOf(slow, 2)
  for (const key of ['a', 'b', 'c']) queue.wake(key)
  const stopped = queue.stop().then(() => book.push(`${time.elapsedMs} stopped`))
  queue.wake('d')
  await until(1_000)
  await stopped
  deepEqual(book, ['0 a', '0 b', '10 stopped'])
  await queueOf(slow).queue.stop()
})

test('thousands that wait come each once, in their order, and nothing is kept of them (I-48)', async () => {
  const { queue, book, until } = queueOf(async () => ({}))
  const keys = Array.from({ length: 5_000 }, (_, at) => `k${at}`)
  for (const key of keys) queue.wake(key)
  await until(10_000)
  deepEqual(
    book.map((line) => line.slice(line.indexOf(' ') + 1)),
    keys,
  )
  equal(queue.size, 0)
})

test('thousands that wait leave others their turn of the loop (I-47)', async () => {
  const { queue, book, time, until } = queueOf(async () => ({}))
  for (let at = 0; at < 5_000; at++) queue.wake(`k${at}`)
  await time.settle()
  ok(book.length < 500, `${book.length}`)
  await queue.stop()
  const begun = book.length
  await until(1_000)
  equal(book.length, begun)
})

test('by chance: no key runs beside itself, no more run than allowed, and each wake is followed by a round', async () => {
  for (let seed = 1; seed <= 60; seed++) await byChance(seed)
})

async function byChance(seed: number) {
  const random = randomFrom(seed)
  const most = 1 + wholeFrom(random, 3)
  const inWork = new Map<string, number>()
  const lastRoundMs = new Map<string, number>()
  const { queue, time, until } = queueOf(async (key, clock) => {
    lastRoundMs.set(key, clock.monotonic())
    inWork.set(key, (inWork.get(key) ?? 0) + 1)
    ok(inWork.get(key) === 1 && inWork.size <= most, `seed ${seed}`)
    await clock.sleep(wholeFrom(random, 40))
    inWork.delete(key)
    if (random() < 0.2) throw new Error('no')
    return random() < 0.2 ? { againMs: wholeFrom(random, 50) } : {}
  }, most)
  const wokenMs = new Map<string, number>()
  for (let at = 0; at < 100; at++) {
    const key = `k${wholeFrom(random, 6)}`
    await until(time.elapsedMs + wholeFrom(random, 20))
    wokenMs.set(key, time.elapsedMs)
    queue.wake(key)
  }
  await until(time.elapsedMs + 600_000)
  for (const [key, ms] of wokenMs) ok((lastRoundMs.get(key) ?? -1) >= ms, `seed ${seed}: ${key}`)
  equal(queue.size, 0)
}
