/** The tree of snapshots as the table shows it. */

import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Thing } from '#client/client.ts'
import { asTree } from './snapshot-tree.ts'

const one = (name: string, parent: string | null, createdAtMs: number, machine = 'web') =>
  ({ name, project: 'default', createdAtMs, spec: { machine }, status: { parent } }) as unknown as Thing

test('children stand below their parents, machines apart, and where a machine stands is marked', () => {
  const things = [
    one('b', 'a', 2),
    one('d', 'b', 4),
    one('c', 'a', 3),
    one('a', null, 1),
    one('x', null, 0, 'db'),
  ]
  deepEqual(
    asTree(things, new Set(['default/c'])).map(({ label }) => label),
    ['x', 'a', '├ b', '│ └ d', '└ c *'],
  )
})

test('no parent that is odd loses a snapshot or goes round for ever', () => {
  const things = [one('a', 'b', 1), one('b', 'a', 2), one('c', 'gone', 3), one('d', 'd', 4)]
  deepEqual(
    asTree(things, new Set())
      .map(({ thing }) => thing.name)
      .toSorted(),
    ['a', 'b', 'c', 'd'],
  )
})
