import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomFrom } from '#base/random.ts'
import { openDirectory } from './directory.ts'

/** Makes and removes without end, and says each effect that was acknowledged. */
const busy = `
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
const folder = process.argv[1]
const never = new AbortController().signal
const datastore = await openDirectory({ folder })
const facts = { virtualBytes: 1048576, sha256: 'a'.repeat(64), format: 'raw', boot: 'disk', commandLine: '', architecture: 'any' }
for (let round = 0; ; round++) {
  const [image, clone, copy] = [randomUUID(), randomUUID(), randomUUID()]
  writeFileSync(join(await datastore.draft(image), 'disk.raw'), Buffer.alloc(1048576, 5))
  await datastore.seal(image, facts)
  console.log('+', image)
  await datastore.create(clone, { format: 'qcow2', sizeBytes: 2097152, image }, never)
  console.log('+', clone)
  await datastore.create(copy, { format: 'raw', sizeBytes: 2097152, image }, never)
  console.log('+', copy)
  await datastore.grow(clone, 4194304, never)
  if (round % 2 === 0) continue
  for (const volume of [clone, copy]) {
    console.log('-', volume)
    await datastore.remove(volume, never)
  }
  console.log('-', image)
  await datastore.removeImage(image, never)
}
`

const never = new AbortController().signal

test('I-20 killed at any moment: what was acknowledged is whole, nothing is half, nothing is left over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-crash-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const random = randomFrom(20)
  for (let life = 0; life < 8; life++) {
    const said = await oneLife(folder, 200 + random() * 150)
    const datastore = await openDirectory({ folder })
    assert.deepEqual(readdirSync(join(folder, 'drafts')), [])
    const volumes = await datastore.volumes()
    const images = await datastore.images()
    for (const id of said.made) assert.ok(volumes.includes(id) || images.includes(id) || said.leaving.has(id))
    for (const image of images) assert.equal((await datastore.observeImage(image)).state, 'ready')
    for (const volume of volumes) {
      assert.equal((await datastore.observe(volume)).state, 'ready')
      const { file, format } = await datastore.open(volume, null)
      if (format === 'qcow2') execFileSync('qemu-img', ['check', '-q', '-f', 'qcow2', file])
      await datastore.remove(volume, never)
    }
    for (const image of images) await datastore.removeImage(image, never)
  }
})

async function oneLife(folder: string, lifeMs: number) {
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', busy, folder], {
    cwd: join(import.meta.dirname, '../../../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await sleep(lifeMs)
  child.kill('SIGKILL')
  await once(child, 'close')
  const lines = output.split('\n').slice(0, -1)
  const idsAfter = (sign: string) =>
    lines.filter((line) => line.startsWith(sign)).map((line) => line.slice(2))
  return { made: idsAfter('+'), leaving: new Set(idsAfter('-')) }
}
