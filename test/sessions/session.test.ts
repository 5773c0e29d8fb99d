/** Sessions: what somebody types, and what they read back, against the real API on a store in memory. */

import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isObject } from '#base/json.ts'
import { plant } from '../api/desk.ts'
import { paperWorld, sessionFor, type Said } from './terminal.ts'
import { main } from '#cli/main.ts'

const json = ({ out }: Said): unknown => JSON.parse(out)
const object = (said: Said) => {
  const value = json(said)
  assert.ok(isObject(value))
  return value
}
const problem = ({ err }: Said): Record<string, unknown> => JSON.parse(err)

test('create, list, show, edit and delete a machine', async (t) => {
  const { decant } = await sessionFor(t)
  const made = await decant([
    ...'machine create web --cpus 2 --memory 512MiB --label tier=web --forward 8080:80 --description'.split(
      ' ',
    ),
    'The shop',
  ])
  assert.deepEqual(made, { code: 0, out: 'machine web is created\n', err: '' })

  const all = json(await decant('machine list --format json'))
  assert.ok(Array.isArray(all))
  const [one] = all
  assert.deepEqual(
    [one.kind, one.name, one.project, one.generation, one.spec.memoryMib, one.labels],
    ['machine', 'web', 'default', 1, 512, { tier: 'web' }],
  )
  const listed = await decant('machines list')
  assert.equal(
    listed.out,
    'Name   State     CPUs   Memory    Host   Since\nweb    pending   2      512 MiB   –      –\n',
  )
  assert.match((await decant('machine show web')).out, /^web {2}Machine {2}pending\n/)

  assert.equal((await decant('machine edit web --cpus 3 --label extra=1')).out, 'machine web is changed\n')
  const shown = object(await decant('machine show web --format json'))
  assert.deepEqual([shown.generation, shown.labels], [2, { tier: 'web', extra: '1' }])
  assert.equal((await decant('machine edit web --cpus 3')).code, 2, 'nothing to change')
  assert.equal(
    problem(await decant('machine edit web --cpus 4 --if-generation 1 --format json')).code,
    'request/precondition',
  )

  const refused = await decant('machine delete web')
  assert.deepEqual([refused.code, /--yes/.test(refused.err)], [2, true])
  assert.equal((await decant('machine delete web --yes')).code, 0)
})

test('problems: on standard error, as a document with json, with the exit code of the catalogue', async (t) => {
  const { decant } = await sessionFor(t)
  const absent = await decant('machine show nothing --format json')
  assert.deepEqual([absent.code, absent.out], [4, ''])
  const { code, title, detail } = problem(absent)
  assert.deepEqual(
    [code, title, detail],
    ['object/not-found', 'There is no such object', 'There is no machine nothing.'],
  )
  const said = await decant('machine show nothing')
  assert.equal(
    said.err,
    'There is no such object: There is no machine nothing.\n`decant machine list` shows what there is.\n',
  )
  const field = problem(await decant('machine create web --cpus 9999 --format json'))
  assert.deepEqual([field.code, field.field], ['request/invalid', 'spec.cpus'])
  const korean = await decant('machine show nothing --language ko')
  assert.match(korean.err, /해당 객체가 없습니다/)
  assert.match((await decant('machin list')).err, /did you mean `machine`/)
  assert.equal((await decant('machine list --fromat json')).code, 2)
})

test('no Decant: start/not-running, also when an old endpoint is left behind', async (t) => {
  const { folder } = await sessionFor(t)
  for (const url of [undefined, 'http://127.0.0.1:9']) {
    if (url !== undefined) await writeFile(join(folder, 'run', 'endpoint.json'), JSON.stringify({ url }))
    const { world, said } = paperWorld(url === undefined ? '/nowhere' : folder)
    const code = await main(['machine', 'list', '--format', 'json'], world)
    assert.deepEqual([code, JSON.parse(said().err).code], [6, 'start/not-running'])
  }
})

const stack = `kind: machine
name: web
spec: { image: debian, cpus: 2, nics: [{ forwards: [{ guestPort: 80 }] }] }
---
kind: image
name: debian
labels: { made: by-hand }
`

test('plan says what apply would do, apply does it, and twice is once', async (t) => {
  const { decant } = await sessionFor(t)
  const planned = await decant('plan -f -', stack)
  assert.equal(planned.code, 10)
  assert.match(planned.out, /^\+ image debian \(create\)[\s\S]*\+ machine web \(create\)/)
  assert.deepEqual(json(await decant('machine list --format json')), [], 'a plan changes nothing')

  const applied = await decant('apply -f -', stack)
  assert.equal(
    applied.out,
    '+ image debian (create)\n+ machine web (create)\n2 created, 0 changed, 0 unchanged, 0 failed\n',
  )
  const again = await decant('apply -f -', stack)
  assert.equal(
    again.out,
    '= image debian (unchanged)\n= machine web (unchanged)\n0 created, 0 changed, 2 unchanged, 0 failed\n',
  )
  assert.equal((await decant('plan -f -', stack)).code, 0)

  const more = await decant('apply -f -', stack.replace('cpus: 2', 'cpus: 4'))
  assert.match(more.out, /~ machine web \(change\)\n {4}spec.cpus: 2 → 4\n/)
  const bad = await decant('apply -f -', `${stack}---\nkind: network\nname: Bad Name\n`)
  assert.deepEqual([bad.code, /! network Bad Name \(failed\)/.test(bad.out)], [2, true])
})

test('verbs, signals and looks of a kind are actions of it', async (t) => {
  const { bench, decant } = await sessionFor(t)
  const guest = { id: 'g', pid: 1, epoch: 1, boot: 1, startedAtMs: 1, accelerator: 'tcg', proof: null }
  await plant(bench.desk.replica, {
    kind: 'machine',
    name: 'web',
    project: 'default',
    status: { state: 'running', host: 'here', guest },
  })
  assert.equal((await decant('machine stop web')).out, 'machine web: Stop is asked for\n')
  assert.equal((await decant('machine reset web --yes')).out, 'machine web: Reset is sent\n')
  assert.equal((await decant('machine send-key web --key ctrl --key alt --key delete')).code, 0)
  assert.equal((await decant('machine screenshot web')).out, '\u0001\u0002\u0003')
  assert.equal((await decant('machine reset web')).code, 2, 'what loses something is asked about')
  assert.match((await decant('machine stop web --plan')).out, /Would do/)
})

test('I-45: what a stranger wrote reaches the terminal without escapes', async (t) => {
  const { bench, decant } = await sessionFor(t)
  const naughty = '\u001b[2J\u001b]0;x\u0007\u202e'
  const holds = [{ code: 'image/failed', facts: { why: naughty } }]
  await plant(bench.desk.replica, {
    kind: 'image',
    name: 'odd',
    project: 'default',
    spec: { source: 'upload' },
    status: { state: 'failed', holds, format: naughty },
  })
  for (const line of ['image list', 'image show odd', 'status']) {
    const { out, err } = await decant(line)
    assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/, line)
  }
})

test('events, audit, status, login, explain, completion and help answer', async (t) => {
  const { decant } = await sessionFor(t)
  await decant('network create lab --shared')
  assert.equal((await decant('events')).code, 0)
  assert.match((await decant('audit --verify')).out, /the chain is whole/)
  assert.match((await decant('status')).out, /^Decant 0\.0\.0-test answers at http/)
  assert.match((await decant('explain machine.memoryMib')).out, /--memory 512MiB/)
  assert.match((await decant('explain machine.memroy')).err, /.+/)
  assert.deepEqual((await decant('complete -- machine sta')).out, 'start\n')
  assert.deepEqual((await decant('complete -- network show l')).out, 'lab\n')
  assert.deepEqual((await decant('complete -- machine create x --restart n')).out, 'never\n')
  assert.match((await decant('completion bash')).out, /complete -o default/)
  assert.match((await decant('help machine create')).out, /--image NAME/)
  assert.equal((await decant('version')).code, 0)
})

test('image import sends the whole file, byte for byte, and says how far it is in a pipe', async (t) => {
  let arrived = Buffer.alloc(0)
  const whole = Promise.withResolvers<void>()
  const channel = {
    bytes: (async function* () {
      await whole.promise
      yield Buffer.from('{"ok":true}\n')
    })(),
    write: async (bytes: Uint8Array) => void (arrived = Buffer.concat([arrived, bytes])),
    end: () => whole.resolve(),
    close: () => whole.resolve(),
  }
  const { bench, decant, folder } = await sessionFor(t, { open: async () => channel })
  await plant(bench.desk.replica, {
    kind: 'image',
    name: 'tiny',
    project: 'default',
    host: 'here',
    status: { state: 'waiting' },
  })
  const content = Buffer.alloc(3_000_001, 'decant')
  const file = join(folder, 'tiny.raw')
  await writeFile(file, content)
  const said = await decant(['image', 'import', 'tiny', '--file', file])
  assert.deepEqual([said.code, said.out], [0, 'image tiny is created\n'], said.err)
  assert.ok(arrived.equals(content))
  assert.match(said.err, /^tiny: [\s\S]*uploaded in/)
  assert.equal((await decant('image import tiny --file /nowhere')).code, 2)
})
