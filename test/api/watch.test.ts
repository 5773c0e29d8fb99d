/** Watching over real HTTP: complete, in order, once, resumable anywhere, and only what one may see. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get as httpGet, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { randomFrom, wholeFrom } from '#base/random.ts'
import { limits } from '#model/limits.ts'
import { memoryDisk } from '#drivers/store/memory/store.ts'
import { ledgerPages } from '#drivers/ledger/memory/ledger.ts'
import { bench, call, localToken, person, plant, remove, report, type Bench } from './desk.ts'

type Event = { id: string; event: string; data: Record<string, unknown> }
type Reading = {
  events: Event[]
  status: number
  body: () => string
  ended: Promise<void>
  cut: () => void
  until: (test: (events: Event[]) => boolean) => Promise<void>
}

async function listen(on: Bench): Promise<number> {
  await new Promise<void>((resolve) => on.api.server.listen(0, '127.0.0.1', resolve))
  return (on.api.server.address() as AddressInfo).port
}

async function read(
  port: number,
  query: string,
  { token = localToken, last }: { token?: string; last?: string } = {},
): Promise<Reading> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(last === undefined ? {} : { 'last-event-id': last }),
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpGet({ port, host: '127.0.0.1', path: `/api/v1/watch?${query}`, headers, agent: false }, resolve).on(
      'error',
      reject,
    )
  })
  const events: Event[] = []
  let [text, all] = ['', '']
  response.on('data', (chunk: Buffer) => {
    all += chunk.toString()
    text += chunk.toString()
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const lines = Object.fromEntries(
        block
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      )
      if (lines.data !== undefined)
        events.push({ id: lines.id ?? '', event: lines.event ?? '', data: JSON.parse(lines.data) })
    }
  })
  const ended = new Promise<void>((resolve) => {
    response.on('close', resolve)
    response.on('error', () => resolve())
  })
  return {
    events,
    status: response.statusCode ?? 0,
    body: () => all,
    ended,
    cut: () => response.destroy(),
    until: async (test) => {
      const end = Date.now() + 5000
      while (!test(events)) {
        if (Date.now() > end) throw new Error(`not seen in time: ${JSON.stringify(events.slice(-3))}`)
        await sleep(2)
      }
    },
  }
}

const short = ({ event, data }: Event) => `${event} ${String(data.name)} ${String(data.revision ?? '')}`
const changes = (events: readonly Event[]) =>
  events.filter(({ event }) => event === 'put' || event === 'delete')

/** Seeded changes of every sort, as the API and as the controller make them. */
async function stir(on: Bench, random: () => number, steps: number) {
  const { replica } = on.desk
  for (let step = 0; step < steps; step++) {
    const all = [...replica.all('machine')]
    const one = all[wholeFrom(random, Math.max(1, all.length))]?.document
    const way = wholeFrom(random, 6)
    const label = { tier: wholeFrom(random, 2) === 0 ? 'web' : 'db' }
    if (one === undefined || way === 0)
      await plant(replica, {
        kind: 'machine',
        name: `m-${wholeFrom(random, 1e9)}`,
        project: wholeFrom(random, 2) === 0 ? 'p' : 'q',
        labels: label,
      })
    else if (way === 1) await remove(replica, one)
    else if (way === 2)
      await call(on.api, `/api/v1/machines/${one.id}`, { method: 'PATCH', body: { labels: label } })
    else if (way === 3) {
      // Several objects in one commit: their events share a revision.
      const some = all.slice(0, 3)
      await replica.commit(
        some.map(({ document, revision }) => ({
          op: 'put' as const,
          kind: 'machine',
          id: document.id,
          value: { ...JSON.parse(JSON.stringify(document)), labels: label },
          expect: revision,
        })),
      )
    } else await report(replica, { kind: 'machine', id: one.id, status: { sinceMs: step } })
  }
}

test('a watch cut at random points and resumed, also across restarts, misses and repeats nothing (I-17, I-42)', async (t) => {
  let on: Bench | undefined
  t.after(() => on?.close())
  for (const seed of [1, 2, 3, 4]) {
    const random = randomFrom(seed)
    const [disk, pages] = [memoryDisk(), ledgerPages()]
    on = await bench({ disk, pages })
    for (const name of ['p', 'q']) await plant(on.desk.replica, { kind: 'project', name })
    const token = await person(on, 'watcher', [{ project: 'p', role: 'viewer' }])
    const query = 'kinds=machine&labels=tier=web'
    let port = await listen(on)
    await stir(on, random, 20)
    const start = String(on.desk.replica.revision)
    // The truth: one watch, uncut, of each life of the controller; the other is cut at will.
    const truth: Event[] = []
    const seen: Event[] = []
    let last = start
    for (let life = 0; life < 3; life++) {
      const whole = await read(port, query, {
        token,
        last: truth.findLast(({ id }) => id !== '')?.id ?? start,
      })
      for (let cut = 0; cut < 4; cut++) {
        const part = await read(port, query, { token, last })
        await Promise.all([stir(on, random, 15), sleep(wholeFrom(random, 12)).then(() => part.cut())])
        await part.ended
        seen.push(...part.events)
        last = part.events.findLast(({ id }) => id !== '')?.id ?? last
      }
      const marker = await plant(on.desk.replica, {
        kind: 'machine',
        name: `end-${life}`,
        project: 'p',
        labels: { tier: 'web' },
      })
      await whole.until((events) => events.some(({ data }) => data.id === marker.id))
      truth.push(...whole.events)
      whole.cut()
      // While nobody watches, and over the restart, things go on.
      await stir(on, random, 10)
      await on.close()
      on = await bench({ disk, pages })
      port = await listen(on)
    }
    const rest = await read(port, query, { token, last })
    const finish = await plant(on.desk.replica, {
      kind: 'machine',
      name: 'finish',
      project: 'p',
      labels: { tier: 'web' },
    })
    await rest.until((events) => events.some(({ data }) => data.id === finish.id))
    seen.push(...rest.events)
    rest.cut()
    const whole = await read(port, query, { token, last: truth.findLast(({ id }) => id !== '')?.id ?? start })
    await whole.until((events) => events.some(({ data }) => data.id === finish.id))
    truth.push(...whole.events)
    whole.cut()
    assert.ok(changes(truth).length > 30)
    assert.deepEqual(changes(seen).map(short), changes(truth).map(short), `seed ${seed}`)
    assert.ok(changes(seen).every(({ data }) => data.project === 'p'))
    const revisions = seen.filter(({ id }) => id !== '').map(({ id }) => Number(id.split('.')[0]))
    assert.deepEqual(
      revisions,
      revisions.toSorted((a, b) => a - b),
    )
    await on.close()
  }
})

test('what is replayed is what was live, event for event', async (t) => {
  const random = randomFrom(77)
  const on = await bench()
  t.after(() => on.close())
  for (const name of ['p', 'q']) await plant(on.desk.replica, { kind: 'project', name })
  const token = await person(on, 'watcher', [{ project: 'p', role: 'viewer' }])
  const port = await listen(on)
  const start = String(on.desk.replica.revision)
  const live = await read(port, 'kinds=machine&labels=tier=web&from=now', { token })
  await stir(on, random, 120)
  await plant(on.desk.replica, { kind: 'machine', name: 'end', project: 'p', labels: { tier: 'web' } })
  await live.until((events) => events.some(({ data }) => data.name === 'end'))
  const replayed = await read(port, `kinds=machine&labels=tier=web&from=${start}`, { token })
  await replayed.until((events) => events.some(({ data }) => data.name === 'end'))
  assert.deepEqual(changes(replayed.events), changes(live.events))
  assert.ok(live.events.some(({ event }) => event === 'delete'))
})

test('from=list gives what there is, then synced, then every change, without a gap', async (t) => {
  const on = await bench()
  t.after(() => on.close())
  const port = await listen(on)
  for (let at = 0; at < 50; at++)
    await plant(on.desk.replica, { kind: 'machine', name: `m-${at}`, project: 'default' })
  const reading = read(port, 'kinds=machine&from=list')
  const busy = (async () => {
    for (let at = 0; at < 50; at++)
      await plant(on.desk.replica, { kind: 'machine', name: `n-${at}`, project: 'default' })
  })()
  const got = await reading
  await busy
  await got.until((events) => events.filter(({ event }) => event === 'put').length >= 100)
  const names = changes(got.events).map(({ data }) => data.name)
  assert.equal(new Set(names).size, 100)
  assert.equal(names.length, 100)
  assert.equal(got.events.filter(({ event }) => event === 'synced').length, 1)
  await on.close()
  await got.ended
  assert.equal(got.events.at(-1)?.event, 'closed')
})

test('history that is no longer kept is said before the stream', async (t) => {
  const on = await bench()
  t.after(() => on.close())
  const port = await listen(on)
  for (let at = 0; at < 5; at++)
    await plant(on.desk.replica, { kind: 'machine', name: `m-${at}`, project: 'default' })
  await on.store.compact(on.desk.replica.revision - 1)
  assert.equal((await read(port, 'from=1')).status, 410)
  assert.equal((await read(port, 'from=999999')).status, 410)
  assert.equal((await read(port, 'from=-1')).status, 422)
  assert.equal((await read(port, 'from=list&kinds=nonsense')).status, 422)
})

test('a watch ends when its caller loses their rights, and watches are counted', async (t) => {
  const on = await bench()
  t.after(() => on.close())
  const port = await listen(on)
  const token = await person(on, 'leaver', [{ project: 'default', role: 'viewer' }])
  const got = await read(port, 'kinds=machine', { token })
  await call(on.api, '/api/v1/users/leaver', { method: 'PATCH', body: { spec: { isDisabled: true } } })
  await got.ended
  assert.equal(got.events.at(-1)?.event, 'expired')
  const many = await Promise.all(
    Array.from({ length: limits.watchesPerPrincipal }, () => read(port, 'kinds=image')),
  )
  assert.equal((await read(port, 'kinds=image')).status, 429)
  for (const one of many) one.cut()
  await Promise.all(many.map(({ ended }) => ended))
  await sleep(20)
  const again = await read(port, 'kinds=image')
  assert.equal(again.status, 200)
})

test('a reader that does not read is sent away, and the others go on', async (t) => {
  const on = await bench()
  t.after(() => on.close())
  const port = await listen(on)
  const answered = once(on.api.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
  const slow = await new Promise<IncomingMessage>((resolve) =>
    httpGet(
      {
        port,
        host: '127.0.0.1',
        path: '/api/v1/watch?kinds=machine',
        headers: { authorization: `Bearer ${localToken}` },
        agent: false,
      },
      resolve,
    ),
  )
  slow.pause()
  const [, answer] = await answered
  // Some 4 KiB an event: more than the kernel's buffers and ours together.
  const labels = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`label-${at}`, 'x'.repeat(60)]))
  const quick = await read(port, 'kinds=machine')
  const { id } = await plant(on.desk.replica, { kind: 'machine', name: 'm', project: 'default', labels })
  const step = async (at: number) => {
    // Without a pause the quick reader would have no turn to read.
    if (at % 20 === 0) await sleep(1)
    await report(on.desk.replica, {
      kind: 'machine',
      id,
      status: { sinceMs: at, placement: { host: 'x'.repeat(400), candidates: 1 } },
    })
  }
  let rounds = 0
  for (; rounds < 20_000 && !answer.writableEnded; rounds++) await step(rounds)
  assert.ok(answer.writableEnded)
  // Read at once: who does not even read the last words loses them after a while.
  let text = ''
  slow.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000)))
  const isOver = once(slow, 'close')
  slow.resume()
  await isOver
  assert.match(text, /event: closed\ndata: .*too slow/)
  for (const last = rounds + 20; rounds < last; rounds++) await step(rounds)
  await quick.until((events) => changes(events).length === rounds + 1)
})
