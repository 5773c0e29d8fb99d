/** The jail in which packages' scripts run when a Debian is built: root of nothing but its own work folder. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { roomUid, runIn, type Room, type Task } from '#drivers/image/debian/build/room.ts'
import { Problem } from '#model/problem.ts'

const isRoot = process.getuid?.() === 0
const isThere = spawnSync('bwrap', ['--version']).error === undefined
const skip = isRoot && isThere ? false : 'needs root and bubblewrap'

/** A room whose folders lie where only root may enter, as an agent's data does. */
function room(
  t: TestContext,
): Room & { readonly script: (text: string, rest?: Partial<Task>) => Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'decant-room-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o700)
  const [work, packages] = [join(folder, 'work'), join(folder, 'packages')]
  for (const path of [work, packages]) {
    mkdirSync(path)
    chownSync(path, roomUid, roomUid)
  }
  writeFileSync(join(folder, 'secret'), 'tamarind')
  const made: Room = { work, packages, signal: new AbortController().signal, environment: {} }
  const task = { tool: 'sh', package: 'dash', timeoutMs: 30_000, fileBytes: 1_000_000 }
  return { ...made, script: (text, rest = {}) => runIn(made, { ...task, argv: ['-ec', text], ...rest }) }
}

test('scripts are root over users of their own, who are nobody outside', { skip }, async (t) => {
  const { script, work } = room(t)
  await script(
    'test "$(id -u)" = 0; touch /work/a /work/b; chown 1000:1000 /work/b; mount -t tmpfs none /tmp',
  )
  assert.equal(statSync(join(work, 'a')).uid, roomUid)
  assert.equal(statSync(join(work, 'b')).uid, roomUid + 1000)
})

test('they see nothing of the host but its programs', { skip }, async (t) => {
  const { script, work } = room(t)
  const mark = join(work, '..', 'escaped')
  await script(
    '! test -e /root; ! test -e /home; ! test -e /etc/shadow; ! touch /usr/x; ! touch /etc/x 2>/dev/null || true',
  )
  await script(`! cat '${join(work, '..', 'secret')}'; ! touch '${mark}'`)
  await script('! mknod /work/disk b 254 0')
  assert.equal(existsSync(mark), false)
  assert.equal(existsSync('/usr/x'), false)
})

test(
  'what takes too long, grows too large or is called off is ended, with all that it started',
  { skip },
  async (t) => {
    const { script, work, packages } = room(t)
    const failed = (problem: unknown) => problem instanceof Problem && problem.code === 'tool/failed'
    await assert.rejects(script('sleep 60', { timeoutMs: 1_000 }), failed)
    await assert.rejects(script('head -c 2000000 /dev/zero > /work/large'), failed)
    const stop = new AbortController()
    const away = new Error('called off')
    const task = { tool: 'sh', package: 'dash', timeoutMs: 60_000, fileBytes: 1_000 }
    const argv = ['-ec', 'sleep 61 & touch /work/begun; echo begun >&2; wait']
    const onLine = () => stop.abort(away)
    const running = runIn({ work, packages, signal: stop.signal, environment: {} }, { ...task, argv, onLine })
    await assert.rejects(running, (fault) => fault === away)
    await untilGone('61')
  },
)

test('I-20: it ends with whoever ran it, killed at any instant', { skip }, async (t) => {
  const { work, packages } = room(t)
  const agent = join(import.meta.dirname, 'image-room-agent.ts')
  const child = spawn(process.execPath, [agent, work, packages], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  while (sleepers('62').length === 0) await new Promise((wake) => setTimeout(wake, 20))
  child.kill('SIGKILL')
  await untilGone('62')
})

const sleepers = (seconds: string) =>
  readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && wordsOf(pid) === `sleep\u0000${seconds}\u0000`)

function wordsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function untilGone(seconds: string) {
  for (let tries = 0; tries < 500 && sleepers(seconds).length > 0; tries++)
    await new Promise((wake) => setTimeout(wake, 20))
  assert.deepEqual(sleepers(seconds), [])
}

test('a program that is missing is named with its package', { skip }, async (t) => {
  const { script } = room(t)
  const missing = (problem: unknown) =>
    problem instanceof Problem &&
    problem.code === 'tool/missing' &&
    problem.facts['package'] === 'some-package'
  await assert.rejects(script('', { tool: 'no-such-program', package: 'some-package' }), missing)
})
