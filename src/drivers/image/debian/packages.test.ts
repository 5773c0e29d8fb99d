import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Problem } from '#model/problem.ts'
import { obtainPackages } from './packages.ts'

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')
const day = 24 * 3_600_000

/** A cache with packages of a given age, on a host whose apt-get reaches nothing. */
function offline(t: TestContext, ageMs: number) {
  const folder = mkdtempSync(join(tmpdir(), 'decant-packages-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    join(folder, 'apt-get'),
    `#!/bin/sh\necho tried >> ${folder}/tried\necho 'E: no network' >&2\nexit 100\n`,
    {
      mode: 0o755,
    },
  )
  const path = process.env['PATH']
  process.env['PATH'] = `${folder}:${path}`
  t.after(() => {
    process.env['PATH'] = path
  })
  for (const name of ['kernel', 'busybox']) writeFileSync(join(folder, `${name}.deb`), name)
  const kept = {
    version: 1,
    atMs: Date.now() - ageMs,
    architecture: 'amd64',
    kernel: { file: 'kernel.deb', sha256: hashOf('kernel') },
    busybox: { file: 'busybox.deb', sha256: hashOf('busybox') },
  }
  writeFileSync(join(folder, 'packages.json'), JSON.stringify(kept))
  const said: string[] = []
  const obtain = (architecture = 'amd64') =>
    obtainPackages(folder, architecture, (step) => said.push(step), {
      signal: new AbortController().signal,
      folder,
    })
  return { folder, said, obtain }
}

const isOffline = (error: unknown) =>
  error instanceof Problem && error.code === 'tool/failed' && /no network/.test(error.message)

test('kept packages are used without asking anybody while they are fresh', async (t) => {
  const { folder, said, obtain } = offline(t, day)
  assert.equal(readFileSync((await obtain()).kernel, 'utf8'), 'kernel')
  assert.deepEqual([said, existsSync(join(folder, 'tried'))], [[], false])
})

test('old packages are renewed where Debian can be reached, and still used where it cannot', async (t) => {
  const { folder, said, obtain } = offline(t, 30 * day)
  assert.equal(readFileSync((await obtain()).busybox, 'utf8'), 'busybox')
  assert.equal(existsSync(join(folder, 'tried')), true)
  assert.match(said.at(-1) ?? '', /kept ones/)
})

test('packages that changed since, or are for another processor, are never used', async (t) => {
  const { folder, obtain } = offline(t, day)
  await assert.rejects(obtain('arm64'), isOffline)
  writeFileSync(join(folder, 'kernel.deb'), 'kernal')
  await assert.rejects(obtain(), isOffline)
})
