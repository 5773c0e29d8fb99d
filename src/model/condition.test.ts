/** Conditions: since when something is so moves only when it is no longer so. */

import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { judged } from './condition.ts'

const connected = { type: 'Connected', status: 'true', sinceMs: 10 } as const
const ready = { type: 'Ready', status: 'true', sinceMs: 20 } as const

test('a condition judged as before keeps its time and takes the new words', () => {
  const verdict = { type: 'Ready', status: 'true', code: 'object/failed', facts: { why: 'x' } } as const
  deepEqual(judged([connected, ready], verdict, 99), [connected, { ...verdict, sinceMs: 20 }])
})

test('a condition judged otherwise begins now, and the words of before are gone', () => {
  const before = { ...ready, code: 'object/failed', facts: { why: 'x' } } as const
  deepEqual(judged([before], { type: 'Ready', status: 'false' }, 99), [
    { type: 'Ready', status: 'false', sinceMs: 99 },
  ])
})

test('a new condition takes its place by name, and the given list is left alone', () => {
  const given = Object.freeze([ready])
  deepEqual(
    judged(given, { type: 'Connected', status: 'unknown' }, 99).map(({ type }) => type),
    ['Connected', 'Ready'],
  )
})
