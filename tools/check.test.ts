/** The guard itself: a check that cannot fail is worth nothing. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check, parts } from './check.ts'

const part = (name: string, code: number) => ({
  name,
  argv: [process.execPath, '-e', `console.log('said ${name}'); process.exitCode = ${code}`] as const,
})

test('every part is told, and a failing one is given back with what it wrote', async () => {
  const told: string[] = []
  const failed = await check([part('good', 0), part('bad', 3), part('fine', 0)], (line) => told.push(line))
  assert.deepEqual(told.map((line) => line.replace(/ +[\d.]+ s$/, '')).toSorted(), [
    'FAIL bad',
    'ok   fine',
    'ok   good',
  ])
  assert.deepEqual(
    failed.map(({ part, code, output }) => [part.name, code, output.trim()]),
    [['bad', 3, 'said bad']],
  )
})

test('a program that is not there fails the check', async () => {
  const failed = await check([{ name: 'absent', argv: ['/nowhere/at-all'] }], () => {})
  assert.equal(failed.length, 1)
})

test('types, pure types, lint, format, tidy, generated documents and fast tests are all parts', () => {
  const names = parts().map(({ name }) => name)
  for (const name of ['types', 'pure types', 'lint', 'format', 'tidy', 'fast tests'])
    assert.ok(names.includes(name), name)
  assert.equal(names.filter((name) => name.endsWith('fresh')).length, 3)
})
