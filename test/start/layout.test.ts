/** Where the data may lie: in no folder that others can change. */

import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { layOut, layoutOf } from '#bin/layout.ts'
import { Problem } from '#model/problem.ts'

const isRoot = process.getuid?.() === 0

function laidOut(prepare: (data: string) => void) {
  const data = mkdtempSync(join(tmpdir(), 'decant-layout-'))
  try {
    prepare(data)
    layOut(layoutOf(data), isRoot)
  } finally {
    rmSync(data, { recursive: true })
  }
}

const refusedOverData = (error: unknown) =>
  error instanceof Problem && error.code === 'setting/invalid' && error.facts.setting === 'data'

test('a folder that others own or can write to is refused (I-43)', (t) => {
  laidOut(() => {})
  laidOut((data) => chmodSync(data, 0o775))
  assert.throws(() => laidOut((data) => chmodSync(data, 0o777)), refusedOverData)
  assert.throws(() => laidOut((data) => chmodSync(data, 0o1777)), refusedOverData)
  if (!isRoot) return t.diagnostic('only root can give a folder away')
  assert.throws(() => laidOut((data) => chownSync(data, 65_534, 65_534)), refusedOverData)
})
