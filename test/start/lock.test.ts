/** One Decant per data folder: the lock is held by whoever lives, and falls however they end. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { tryAddress, urlOf } from '#bin/door.ts'
import { takeLock } from '#bin/lock.ts'
import { Problem } from '#model/problem.ts'

function folder(t: TestContext) {
  const path = mkdtempSync(join(tmpdir(), 'decant-lock-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** Another process that takes the lock, starts a program that inherits it, and says so. */
async function holder(t: TestContext, file: string, keepsMs: number) {
  const script = `
    import { spawn } from 'node:child_process'
    import { takeLock } from ${JSON.stringify(new URL('../../src/bin/lock.ts', import.meta.url).href)}
    const lock = await takeLock(${JSON.stringify(file)}, 'data')
    spawn('sleep', ['${keepsMs / 1000}'], { stdio: ['ignore', 'ignore', 'ignore', lock], detached: true }).unref()
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

const codeOf = (error: unknown) => (error instanceof Problem ? error.code : String(error))

test('a second Decant on the same data is refused and told the process of the first', async (t) => {
  const file = join(folder(t), 'lock')
  const first = await holder(t, file, 10)
  await assert.rejects(takeLock(file, '/data'), (error: unknown) => {
    assert.equal(codeOf(error), 'store/locked')
    assert.equal((error as Problem).facts.pid, String(first.pid))
    return true
  })
})

test('I-24: the lock of a killed Decant is taken once its last program has ended, not before', async (t) => {
  const file = join(folder(t), 'lock')
  const first = await holder(t, file, 700)
  const sinceMs = performance.now()
  first.kill('SIGKILL')
  await once(first, 'exit')
  const lock = await takeLock(file, '/data')
  assert.ok(performance.now() - sinceMs > 400, 'it waited for the program that lived on')
  closeSync(lock)
})

test('a lock file left behind, whatever is in it, is no lock', async (t) => {
  const file = join(folder(t), 'lock')
  writeFileSync(file, `${process.pid}\nrubbish`)
  closeSync(await takeLock(file, '/data'))
})

test('a busy port and a foreign address are told apart', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await assert.rejects(tryAddress('127.0.0.1', port), (error) => codeOf(error) === 'start/port-busy')
  await assert.rejects(tryAddress('203.0.113.7', 0), (error) => codeOf(error) === 'setting/invalid')
  assert.ok((await tryAddress('127.0.0.1', 0)) > 0)
})

test('plain HTTP is for loopback only', () => {
  assert.equal(urlOf('127.0.0.1', 7420), 'http://127.0.0.1:7420')
  assert.equal(urlOf('::1', 7420), 'http://[::1]:7420')
  assert.equal(urlOf('192.0.2.1', 7420), 'https://192.0.2.1:7420')
  assert.equal(urlOf('0.0.0.0', 7420), 'https://127.0.0.1:7420')
})
