/** One Decant from its first start to its removal: real QEMU, real starter image, real kills. */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  decant,
  end,
  freePort,
  home,
  isAlive,
  isRoot,
  processesOn,
  start,
  strangerUid,
  until,
} from './decant.ts'
import type { Person, Started } from './decant.ts'

type Hello = { state: string; guest: { pid: number } | null; forwards: { hostPort: number }[] }

const hello = (person: Person, data: string): Hello => {
  const { stdout, stderr } = decant(person, '--data', data, 'machine', 'show', 'hello', '--format', 'json')
  assert.notEqual(stdout, '', stderr)
  return (JSON.parse(stdout) as { status: Hello }).status
}

const answersHealth = async (url: string) => {
  try {
    return (await fetch(`${url}/api/health`)).status === 200
  } catch {
    return false
  }
}

/** Pids of the children of a process, with what they run. */
const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const [, ppid] = /^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${name}/stat`, 'utf8')) ?? []
        const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return Number(ppid) === parent ? [{ pid: Number(name), words }] : []
      } catch {
        return []
      }
    })

const supervisorOn = (data: string) => Number(readFileSync(join(data, 'run/lock'), 'utf8'))

const program = (data: string, script: string) =>
  childrenOf(supervisorOn(data)).find(({ words }) => words.includes(script))?.pid ?? 0

async function life(person: Person, data: string, port: number) {
  const again = async () => {
    const started = start(person, '--data', data, '--port', String(port))
    const url = await started.ready()
    return { started, url }
  }
  const { started, url } = await again()
  await showsProofOfLife(started, url, person, data)
  const pid = hello(person, data).guest?.pid ?? 0
  await outlivesItsPrograms(started, url, data, pid)
  await outlivesKillNine(person, data, pid, again)
  const { started: last } = await again()
  last.child.kill('SIGINT')
  assert.equal(await last.ended(), 0, last.story)
  assert.match(last.output, /1 machine runs on: hello/)
  assert.ok(isAlive(pid), 'I-24: Ctrl-C ends Decant, not its machine')
  const { started: downed } = await again()
  await goesDown(person, data, downed)
}

async function showsProofOfLife(started: Started, url: string, person: Person, data: string) {
  assert.equal((await fetch(`${url}/api/health`)).status, 200, 'health answers without sign-in')
  const { state, forwards } = hello(person, data)
  assert.equal(state, 'running', started.story)
  assert.match(started.output, /Proof of life: .*"[0-9a-z]{6,}"/)
  const page = `http://127.0.0.1:${forwards[0]?.hostPort}/`
  assert.ok(started.output.includes(`Its web page: ${page}`), started.output)
  assert.equal((await fetch(page)).status, 200)
  assert.match(started.output, /Sign in, once.*\/sign-in\?link=/)
  // The ready line is the last, and alone on its line: others wait for it.
  assert.equal(started.output.trimEnd().split('\n').at(-1), `Decant is ready: ${url}`)
}

async function outlivesItsPrograms(started: Started, url: string, data: string, pid: number) {
  for (const script of ['src/bin/agent.ts', 'src/bin/controller.ts']) {
    const before = program(data, script)
    assert.ok(before > 0, `${script} runs`)
    end(before)
    await until(
      () => program(data, script) > 0 && program(data, script) !== before,
      10_000,
      () => started.story,
    )
  }
  await until(
    () => (started.output.match(/runs again/g) ?? []).length === 2,
    20_000,
    () => started.story,
  )
  assert.ok(await answersHealth(url))
  assert.ok(isAlive(pid), 'I-24: neither program takes a machine with it')
}

async function outlivesKillNine(
  person: Person,
  data: string,
  pid: number,
  again: () => Promise<{ started: Started; url: string }>,
) {
  end(supervisorOn(data))
  await until(() => !processesOn(data).some(({ words }) => words.includes('src/bin/')), 10_000)
  assert.ok(isAlive(pid), 'I-24: kill -9 ends Decant, not its machine')
  const sinceMs = performance.now()
  const { started } = await again()
  const seconds = (performance.now() - sinceMs) / 1000
  assert.ok(seconds < 15, `a later start takes seconds, not ${seconds}`)
  assert.match(started.output, new RegExp(`Found 1 running machine: hello \\(pid ${pid}\\)`))
  assert.equal(hello(person, data).guest?.pid, pid)
  const second = start(person, '--data', data, '--port', '0')
  assert.equal(await second.ended(), 1)
  assert.match(second.complaint, /store\/locked/)
  started.child.kill('SIGTERM')
  assert.equal(await started.ended(), 0, started.story)
}

/** I-20: nothing is left of a guest that was stopped: no process, no socket, no control group. */
async function goesDown(person: Person, data: string, started: Started) {
  const guests = readdirSync(join(data, 'agent/guests'))
  const { status, stdout, stderr } = decant(person, '--data', data, 'down')
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /hello: stopped after [\d.]+ s\nDecant is stopped/)
  await started.ended()
  assert.deepEqual(processesOn(data), [])
  const entries = readdirSync(data, { recursive: true, withFileTypes: true })
  assert.deepEqual(
    entries.filter((entry) => entry.isSocket()),
    [],
  )
  const groups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    groups.filter((path) => guests.some((id) => path.endsWith(id))),
    [],
  )
  assert.equal(
    decant(person, '--data', data, 'machine', 'list').status,
    6,
    'it says that Decant does not run',
  )
}

/** What the kernel says of the controller's rights. */
function assertNoRights(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  assert.match(status, /^Uid:\t1879048192\t1879048192\t1879048192\t1879048192$/m)
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.match(status, new RegExp(`^${set}:\\t0+$`, 'm'))
  assert.match(status, /^NoNewPrivs:\t1$/m)
}

test('I-20, I-24: root: first start, kills, adoption, Ctrl-C, down, uninstall', async (t) => {
  if (!isRoot) return t.diagnostic('needs root; the same life is tested as an ordinary user')
  const person = home(t)
  // Below a folder that only root may enter, as under /root.
  const data = join(person.home, 'private', 'data')
  await life(person, data, await freePort())
  const { status, stdout } = decant(person, '--data', data, 'uninstall', '--yes')
  assert.equal(status, 0, stdout)
  assert.ok(!existsSync(data))
  assert.match(stdout, /Kept: .*qemu-utils/)
})

test('the controller has no rights, and its secrets stand in no argv', async (t) => {
  const person = home(t)
  const data = join(person.home, 'data')
  const started = start(person, '--data', data, '--port', '0', '--no-hello')
  await started.ready()
  const token = readFileSync(join(data, 'run/admin.token'), 'utf8').trim()
  for (const { words } of processesOn(data)) assert.ok(!words.includes(token), 'I-45')
  if (isRoot) {
    const inCell = processesOn(data).length > 0 ? controllerWithin(program(data, 'src/bin/controller.ts')) : 0
    assertNoRights(inCell)
    const handed = readFileSync(`/proc/${inCell}/environ`, 'utf8')
    assert.doesNotMatch(handed, /(^|\0)(HOME|XDG_DATA_HOME)=/, "I-45: root's environment is not for it")
  }
  const strangers = isRoot
    ? decant({ ...person, uid: strangerUid }, '--data', data, 'machine', 'list')
    : undefined
  assert.notEqual(strangers?.status, 0, 'I-45: another user of this machine is nobody')
  started.child.kill('SIGTERM')
  assert.equal(await started.ended(), 0)
})

/** The program at the end of the chain of its cell. */
function controllerWithin(pid: number): number {
  const [child] = childrenOf(pid)
  return child === undefined ? pid : controllerWithin(child.pid)
}

test('I-24: an ordinary user: the same life without any rights', async (t) => {
  const person = home(t, isRoot ? strangerUid : undefined)
  await life(person, join(person.home, 'decant'), await freePort())
})

test('a busy port is told before anything is made', async (t) => {
  const person = home(t)
  const first = start(person, '--data', join(person.home, 'one'), '--port', '0', '--no-hello')
  const port = new URL(await first.ready()).port
  const second = start(person, '--data', join(person.home, 'two'), '--port', port)
  assert.equal(await second.ended(), 1)
  assert.match(second.complaint, new RegExp(`start/port-busy.*\\n.*${port}`))
  assert.ok(!existsSync(join(person.home, 'two')))
  first.child.kill('SIGTERM')
  await first.ended()
})
