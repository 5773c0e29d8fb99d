/** Many at once against one real controller: names, quota, capacity and repeated requests. */

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { qemuOn } from './real-host.ts'
import { Rig, type Answer, type Thing } from './real-rig.ts'

const off = { power: 'off', memoryMib: 64, diskMib: 1, nics: [] }
const statuses = (answers: readonly Answer[]) => {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return Object.fromEntries(counts)
}
const codes = (answers: readonly Answer[]) =>
  new Set(answers.flatMap(({ body }) => (body.code === undefined ? [] : [body.code])))

/** I-26, I-27: 200 creates, 150 names, a quota of 100. */
async function crowd(rig: Rig) {
  const project = { name: 'crowd', spec: { quota: { machines: 100, memoryMib: 64 * 150 } } }
  assert.equal((await rig.insist('POST', 'projects', project)).status, 201)
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) =>
      rig.ask('POST', 'machines?project=crowd', {
        json: { name: `m${at % 150}`, spec: off },
        withinMs: 60_000,
      }),
    ),
  )
  const made = (await rig.ask('GET', 'machines?project=crowd&limit=500')).body.items as Thing[]
  assert.equal(statuses(answers)[201], 100, JSON.stringify(statuses(answers)))
  assert.equal(made.length, 100, 'I-26: exactly what the quota gives')
  assert.equal(new Set(made.map(({ name }) => name)).size, 100, 'I-27: every name once')
  assert.ok(
    answers.every(({ status }) => status < 500),
    JSON.stringify([...codes(answers)]),
  )
  // A deletion gives back what it took: exactly one more fits.
  await rig.insist('DELETE', `machines/${made[0]?.name}?project=crowd&wait=60`)
  const deadline = performance.now() + 20_000
  while (
    (await rig.find('machines', `${made[0]?.name}?project=crowd`)) !== undefined &&
    performance.now() < deadline
  )
    await sleep(50)
  const more = await Promise.all(
    Array.from({ length: 10 }, (_, at) =>
      rig.ask('POST', 'machines?project=crowd', { json: { name: `late${at}`, spec: off }, withinMs: 60_000 }),
    ),
  )
  assert.equal(statuses(more)[201], 1, JSON.stringify(statuses(more)))
}

/** I-21: one key, fifty requests, one machine. */
async function repeats(rig: Rig) {
  const key = crypto.randomUUID()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      rig.ask('POST', 'machines', { json: { name: 'once', spec: off }, key, withinMs: 60_000 }),
    ),
  )
  assert.deepEqual(statuses(answers), { 201: 50 }, JSON.stringify([...codes(answers)]))
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
  rig.kill('all')
  await rig.restart()
  const late = await rig.ask('POST', 'machines', { json: { name: 'once', spec: off }, key })
  assert.deepEqual(
    [late.status, late.body.id],
    [201, answers[0]?.body.id],
    'also after a kill -9 of everything',
  )
  const boots = crypto.randomUUID()
  const before = await rig.find('machines', 'once')
  const verbs = await Promise.all(
    Array.from({ length: 50 }, () =>
      rig.ask('PATCH', 'machines/once', { json: { description: 'said once' }, key: boots, withinMs: 60_000 }),
    ),
  )
  assert.deepEqual(statuses(verbs), { 200: 50 })
  const after = await rig.find('machines', 'once')
  assert.ok((after?.generation ?? 0) - (before?.generation ?? 0) <= 1, 'it was changed once')
}

/** The only host, once it has said how large it is. */
async function knownHost(rig: Rig): Promise<Thing> {
  for (;;) {
    const [host] = await rig.list('hosts')
    if (host !== undefined && Number(host.status.memoryMib) > 0) return host
    await sleep(50)
  }
}

/** I-26: ten machines started at once where two fit. */
async function capacity(rig: Rig) {
  const host = await knownHost(rig)
  const total = Number(host.status.memoryMib)
  // A guest of 64 MiB takes 160: its memory and QEMU's own.
  const narrow = await rig.insist('PATCH', `hosts/${host.name}`, { spec: { reserveMib: total - 330 } })
  assert.equal(narrow.status, 200)
  const names = Array.from({ length: 10 }, (_, at) => `tight${at}`)
  await Promise.all(names.map((name) => rig.insist('POST', 'machines', { name, spec: off })))
  await Promise.all(names.map((name) => rig.insist('POST', `machines/${name}/start`, {})))
  const deadline = performance.now() + 20_000
  const running = async () => (await rig.list('machines')).filter(({ status }) => status.state === 'running')
  while ((await running()).length < 2 && performance.now() < deadline) await sleep(100)
  await sleep(1_500)
  assert.equal((await running()).length, 2, 'I-26: as many as fit, and no more')
  assert.equal(qemuOn(rig.data).length, 2)
  const waiting = (await rig.list('machines')).filter(
    ({ name, status }) => name.startsWith('tight') && status.state !== 'running',
  )
  assert.ok(
    waiting.every(({ status }) => status.holds.length > 0),
    'each of the others says why it waits',
  )
  await Promise.all(names.map((name) => rig.insist('DELETE', `machines/${name}?wait=60`)))
  await rig.insist('PATCH', `hosts/${host.name}`, { spec: { reserveMib: 512 } })
}

test('200 creates at once: names, quota, capacity (I-26, I-27); a repeated request acts once (I-21)', async () => {
  const rig = new Rig()
  try {
    await rig.start()
    await capacity(rig)
    await crowd(rig)
    await repeats(rig)
  } finally {
    await rig.close()
  }
})
