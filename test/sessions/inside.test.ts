/** Commands and files in a guest, from the command line through the API to the agent inside a fake guest. */

import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { main } from '#cli/main.ts'
import { bodyOf, hurriedClock } from '#drivers/hypervisor/fake/fixtures.ts'
import { openFake } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { limits } from '#model/limits.ts'
import { sentInside, tellInside } from '#program/agent/errands.ts'
import type { AgentPorts } from '#program/agent/world.ts'
import { call, person, plant } from '../api/desk.ts'
import { paperWorld, sessionFor } from './terminal.ts'

/** A machine `web` that runs on a fake host, and one, `off`, that does not. */
async function scene(t: TestContext) {
  const clock = hurriedClock()
  const world = new FakeWorld(clock)
  const hypervisor = openFake(world)
  await hypervisor.spawn('g1', bodyOf({ machineName: 'web' }), new AbortController().signal)
  await clock.sleep(5_000)
  const ports = { hypervisor } as AgentPorts
  const session = await sessionFor(t, {
    ask: async (_host, ask) => {
      if (ask.ask === 'inside') await tellInside(ports, ask)
      return new Uint8Array()
    },
    open: async (_host, open) => {
      assert.equal(open.open, 'inside')
      return sentInside(ports, 'g1')
    },
  })
  const { replica } = session.bench.desk
  const status = { state: 'running', host: 'h1', guest: { id: 'g1', epoch: 1, boot: 1 } }
  await plant(replica, { kind: 'machine', name: 'web', project: 'default', status })
  await plant(replica, { kind: 'machine', name: 'off', project: 'default', status: { state: 'stopped' } })
  return { ...session, world }
}

test('a command runs in the guest, its words untouched, its exit code passed on', async (t) => {
  const { decant } = await scene(t)
  const said = await decant(['machine', 'exec', 'web', '--', 'echo', 'a  b', '--project', '$HOME; id'])
  assert.deepEqual(said, { code: 0, out: 'a  b --project $HOME; id\n', err: '' })
  assert.equal((await decant('machine exec web -- false')).code, 1)
  assert.deepEqual(await decant('machine exec web -- nothing'), {
    code: 127,
    out: '',
    err: 'nothing: not found\n',
  })
  assert.equal((await decant('machine exec web -i -- cat', 'piped\0in')).out, 'piped\0in')
  assert.equal((await decant('machine exec web --env A=1 --env B=2 -- env')).out, 'A=1\nB=2\n')
  const json = await decant('machine exec web --format json -- echo hello')
  assert.deepEqual(JSON.parse(json.out), {
    exitCode: 0,
    signal: null,
    output: 'hello\n',
    errors: '',
    encoding: 'text',
    isTruncated: false,
  })
})

test('what it is asked wrongly, or of a machine that does not run, is refused', async (t) => {
  const { decant, bench } = await scene(t)
  assert.match((await decant('machine exec off -- true')).err, /does not run/)
  assert.match((await decant('machine exec web')).err, /COMMAND is missing/)
  assert.match((await decant('machine exec web --timeout 601 -- true')).err, /1–600/)
  assert.match((await decant('machine exec gone -- true')).err, /gone/)
  const late = await decant('machine exec web --timeout 1 -- sleep 5')
  assert.deepEqual([late.code, late.out], [6, ''])
  const refused = async (body: unknown) =>
    (await call(bench.api, '/api/v1/machines/web/exec', { body })).at('facts.field')
  assert.equal(await refused({}), 'argv')
  assert.equal(await refused({ argv: ['a'], command: 'a' }), 'command')
  assert.equal(await refused({ argv: ['a\0b'] }), 'argv')
  assert.equal(await refused({ argv: ['a'], environment: ['no equals'] }), 'environment.0')
  assert.equal(await refused({ argv: ['a'], inputBase64: '!' }), 'inputBase64')
  const many = Array.from({ length: limits.errandWords }, () => 'x'.repeat(limits.errandChars / 100))
  assert.equal(await refused({ argv: many }), 'argv')
})

test('files go in and come out whole; a path is absolute', async (t) => {
  const { decant, folder, world } = await scene(t)
  const [here, back] = [join(folder, 'here'), join(folder, 'back')]
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7) % 256)
  await writeFile(here, bytes)
  assert.equal((await decant(['machine', 'copy', here, 'web:/srv/한 글'])).code, 0)
  assert.deepEqual(Buffer.from(world.guests.get('g1')?.files.get('/srv/한 글') ?? []), Buffer.from(bytes))
  assert.equal((await decant(['machine', 'copy', 'web:/srv/한 글', back])).code, 0)
  assert.deepEqual(await readFile(back), Buffer.from(bytes))
  await writeFile(here, '')
  assert.equal((await decant(['machine', 'copy', here, 'web:/empty'])).code, 0)
  assert.equal(world.guests.get('g1')?.files.get('/empty')?.length, 0)
  assert.notEqual((await decant(['machine', 'copy', 'web:/none', back])).code, 0)
  assert.match((await decant('machine copy web:relative /tmp/x')).err, /path/)
  assert.match((await decant('machine copy /a /b')).err, /NAME:PATH/)
})

test('only operators may, and the audit names the command and the path but nothing that passed', async (t) => {
  const { decant, bench, folder } = await scene(t)
  const token = await person(bench, 'viewer', [{ project: 'default', role: 'viewer' }])
  const url = '/api/v1/machines/web'
  assert.equal((await call(bench.api, `${url}/exec`, { body: { argv: ['true'] }, token })).status, 403)
  assert.equal((await call(bench.api, `${url}/files?path=/etc/shadow`, { token })).status, 403)
  const stranger = await person(bench, 'stranger', [])
  assert.equal(
    (await call(bench.api, `${url}/exec`, { body: { argv: ['true'] }, token: stranger })).status,
    404,
  )
  await decant(['machine', 'exec', 'web', '-i', '--env', 'KEY=tamarind', '--', 'cat'], 'cardamom')
  await writeFile(join(folder, 'f'), 'turmeric')
  await decant(['machine', 'copy', join(folder, 'f'), 'web:/srv/f'])
  const records = await bench.records()
  const done = records
    .filter(({ outcome }) => outcome === 'done')
    .map(({ action, detail }) => [action, detail])
  assert.ok(done.some(([action, detail]) => action === 'machine.exec' && detail === '{"argv":["cat"]}'))
  assert.ok(
    done.some(([action, detail]) => action === 'machine.file-write' && detail === '{"path":"/srv/f"}'),
  )
  assert.doesNotMatch(JSON.stringify(records) + bench.logged.join(), /tamarind|cardamom|turmeric/)
})

test('an agent that lies, floods or hangs costs one call, said plainly', async (t) => {
  const { decant, world } = await scene(t)
  for (const [mood, code] of [
    ['silent', 6],
    ['hangs', 6],
    ['floods', 1],
    ['lies', 1],
  ] as const) {
    world.moods.set('g1', mood)
    assert.equal((await decant('machine exec web -- true')).code, code, mood)
  }
  world.moods.set('g1', 'answers')
  assert.equal((await decant('machine exec web -- true')).code, 0)
})

test('what a guest says moves no cursor of a terminal, and reaches a pipe as it is', async (t) => {
  const { decant, folder } = await scene(t)
  const line = ['machine', 'exec', 'web', '--', 'echo', '\u001b[2J\u0007x']
  assert.equal((await decant(line)).out, '\u001b[2J\u0007x\n')
  const shown: string[] = []
  const { world } = paperWorld(folder)
  const stdout = { isTTY: true, write: (text: string | Uint8Array) => shown.push(String(text)) }
  assert.equal(await main(line, { ...world, stdout }), 0)
  assert.match(shown.join(''), /x\n$/)
  assert.doesNotMatch(shown.join(''), /[\u001b\u0007]/)
})

test('its file systems freeze and thaw; its clock is set', async (t) => {
  const { decant, world } = await scene(t)
  assert.equal((await decant('machine freeze web')).code, 0)
  assert.equal((await decant('machine thaw web')).code, 0)
  assert.equal(world.guests.get('g1')?.frozenAtMs, null)
  assert.equal((await decant('machine set-time web')).code, 0)
  assert.match((await decant('machine freeze off')).err, /does not run/)
})

test('whoever waits for a first boot hears that it failed, and waits no longer', async (t) => {
  const { decant, bench } = await scene(t)
  const holds = [{ code: 'guest/cloud-init-failed', facts: { why: 'no such package' } }]
  const status = { state: 'running', host: 'h1', guest: { id: 'g2', epoch: 1, boot: 1 }, ready: null, holds }
  await plant(bench.desk.replica, { kind: 'machine', name: 'hurt', project: 'default', status })
  const waited = await decant('machine start hurt --wait=ready')
  assert.notEqual(waited.code, 0)
  assert.match(waited.err, /no such package/)
  assert.equal((await decant('machine start hurt --wait')).code, 0)
})

test('I-48: so many errands at one time in a guest, and whoever leaves makes room', async () => {
  const clock = hurriedClock()
  const ports = { hypervisor: openFake(new FakeWorld(clock)) } as AgentPorts
  const held = Array.from({ length: limits.errandsPerGuest }, () => sentInside(ports, 'g1'))
  assert.throws(() => sentInside(ports, 'g1'), { code: 'request/too-many' })
  const other = sentInside(ports, 'g2')
  for (const channel of [...held, other]) channel.close()
  await new Promise((wake) => setImmediate(wake))
  sentInside(ports, 'g1').close()
})
