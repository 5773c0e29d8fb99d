/** Orders: total, so that sorted pages have one shape, and the same in every language setting. */

import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { by, compare, firstOf, reversed } from './order.ts'

const numbers = fc.oneof(fc.integer(), fc.double({ noNaN: true }))

test('nothing comes first, numbers go by size, texts by code unit', () => {
  deepEqual([10, 9, null, 1].toSorted(compare), [null, 1, 9, 10])
  deepEqual(['b', 'B', 'ä', 'a'].toSorted(compare), ['B', 'a', 'b', 'ä'])
  deepEqual([true, null, false].toSorted(compare), [null, false, true])
  equal(compare('10', '9'), -1)
})

test('among values of one sort it is an order: either way round, and along a chain', () => {
  for (const values of [
    numbers,
    fc.string(),
    fc.boolean(),
    fc.constantFrom(null, 'a', 'b'),
  ] as fc.Arbitrary<unknown>[]) {
    fc.assert(
      fc.property(values, values, values, (a, b, c) => {
        // Not −0, which is another value than 0 only to this assertion.
        equal(Math.sign(compare(a, b)) + Math.sign(compare(b, a)), 0)
        if (compare(a, b) <= 0 && compare(b, c) <= 0) equal(compare(a, c) <= 0, true)
      }),
    )
  }
})

test('the first order that tells two apart decides, and a reversed one turns only itself', () => {
  const order = firstOf<{ name: string; size: number }>(
    reversed(by(({ size }) => size)),
    by(({ name }) => name),
  )
  const items = [
    { name: 'b', size: 1 },
    { name: 'c', size: 2 },
    { name: 'a', size: 1 },
  ]
  deepEqual(
    items.toSorted(order).map(({ name }) => name),
    ['c', 'a', 'b'],
  )
})
