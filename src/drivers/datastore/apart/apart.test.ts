import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { obeysDatastoreContract } from '#drivers/datastore/contract.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import { Problem } from '#model/problem.ts'
import { Apart } from './apart.ts'
import { serve } from './served.ts'

const never = new AbortController().signal

const lives = `
import { serve } from '#drivers/datastore/apart/served.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
await serve(process, () => openDirectory({ name: 'apart', folder: process.argv[1] }))
process.exit(0)
`

function startIn(folder: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', lives, folder], {
    cwd: join(import.meta.dirname, '../../../..'),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
}

function room(t: TestContext, answerMs = 30_000) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-apart-'))
  const children: ChildProcess[] = []
  const open = () => {
    const start = () => {
      const child = startIn(folder)
      children.push(child)
      return child
    }
    const apart = new Apart({ name: 'apart', start, answerMs })
    t.after(() => apart.close())
    return apart
  }
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, open, children }
}

/** Both ends in this process; what is said is copied as it is between two. */
function startHere(folder: string): ChildProcess {
  const [parent, child] = [new EventEmitter(), new EventEmitter()]
  const send = (to: EventEmitter) => (word: object) => {
    const copy = structuredClone(word)
    setImmediate(() => to.emit('message', copy))
    return true
  }
  void serve(Object.assign(child, { send: send(parent) }) as never, () =>
    openDirectory({ name: 'apart', folder }),
  )
  return Object.assign(parent, { connected: true, send: send(child), kill: () => true }) as never
}

obeysDatastoreContract('apart', async (t) => {
  const { folder } = room(t)
  const open = () => new Apart({ name: 'apart', start: () => startHere(folder), answerMs: 30_000 }).datastore
  return {
    datastore: open(),
    reopen: async () => open(),
    fill: async (draft) => {
      writeFileSync(join(draft, 'disk.raw'), Buffer.alloc(1024 * 1024))
      for (const name of ['kernel', 'initrd']) writeFileSync(join(draft, name), name)
    },
    dispose: async () => undefined,
  }
})

const isSilent = (error: unknown) => error instanceof Problem && error.code === 'datastore/failed'

test('one that hangs is told within the time, refuses at once after that, and is back when it answers', async (t) => {
  const { open, children } = room(t, 3_000)
  const apart = open()
  assert.equal(await apart.probe(), undefined)
  children[0]?.kill('SIGSTOP')
  const long = apart.datastore.create(randomUUID(), { format: 'raw', sizeBytes: 4096, image: null }, never)
  await Promise.all([assert.rejects(long, isSilent), assert.rejects(apart.datastore.volumes(), isSilent)])
  assert.equal(apart.isSilent, true)
  await assert.rejects(apart.datastore.volumes(), isSilent)
  assert.equal(await apart.probe(), 'silent')
  children[0]?.kill('SIGCONT')
  while ((await apart.probe()) === 'silent');
  // What was asked before is carried out all the same: it is there once, whoever asks again.
  while ((await apart.datastore.volumes()).length === 0);
  assert.equal(children.length, 1)
})

test('one whose process dies is begun anew', async (t) => {
  const { open, children } = room(t)
  const apart = open()
  assert.equal(await apart.probe(), undefined)
  const [child] = children
  child?.kill('SIGKILL')
  if (child !== undefined) await once(child, 'exit')
  assert.deepEqual(await apart.datastore.volumes(), [])
  assert.equal(children.length, 2)
})
