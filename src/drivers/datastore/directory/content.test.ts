/** Contents and landings on a real disk: shared, kept, swept. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDirectory } from './directory.ts'

const never = new AbortController().signal
const facts = {
  virtualBytes: 4096,
  sha256: 'a'.repeat(64),
  format: 'raw',
  boot: 'disk',
  commandLine: '',
  architecture: 'any',
} as const
const content = 'c'.repeat(64)

async function place(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-content-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const open = () => openDirectory({ folder })
  const store = await open()
  const seal = async (fill: string) => {
    const image = randomUUID()
    writeFileSync(join(await store.draft(image), 'disk.raw'), Buffer.alloc(4096, fill))
    await store.seal(image, facts, content)
    return image
  }
  return { folder, open, store, seal, contents: () => readdirSync(join(folder, 'contents')) }
}

test('the same content is the same file; one that only claims to be is kept apart by its size', async (t) => {
  const { store, seal, folder } = await place(t)
  const [first, second] = [await seal('x'), await seal('x')]
  const nodeOf = (image: string) => statSync(join(folder, 'images', image, 'disk.raw')).ino
  assert.equal(nodeOf(first), nodeOf(second))
  const odd = randomUUID()
  writeFileSync(join(await store.draft(odd), 'disk.raw'), Buffer.alloc(8192))
  await store.seal(odd, { ...facts, virtualBytes: 8192 }, content)
  assert.notEqual(nodeOf(odd), nodeOf(first))
  assert.equal(statSync(join(folder, 'images', odd, 'disk.raw')).size, 8192)
})

test('what a crash left: a content that no image bears goes at the next start, one that is borne stays', async (t) => {
  const { open, seal, contents, folder } = await place(t)
  const image = await seal('x')
  writeFileSync(join(folder, 'contents', `${'d'.repeat(64)}.raw`), 'left behind')
  linkSync(join(folder, 'contents', `${content}.raw`), join(folder, 'elsewhere'))
  const again = await open()
  assert.deepEqual(contents(), [`${content}.raw`])
  await again.removeImage(image, never)
  rmSync(join(folder, 'elsewhere'))
  await open()
  assert.deepEqual(contents(), [])
})

test('a landing that nobody went on with for a day is swept, a younger one is not', async (t) => {
  const { open, store } = await place(t)
  const [old, young] = [await store.landing(randomUUID()), await store.landing(randomUUID())]
  for (const folder of [old, young]) writeFileSync(join(folder, 'content'), 'x')
  const past = Date.now() / 1000 - 25 * 3600
  utimesSync(join(old, 'content'), past, past)
  utimesSync(old, past, past)
  await open()
  assert.deepEqual([existsSync(old), existsSync(young)], [false, true])
})
