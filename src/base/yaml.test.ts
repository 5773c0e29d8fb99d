/** YAML of strangers: a key that stands twice is refused with its line, at the cost of one look at each key (I-46). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { yamlFrom } from './yaml.ts'

const lineOfFault = (text: string) => {
  const read = yamlFrom(text)
  return 'why' in read ? read.line : undefined
}

test('a key that stands twice in one mapping is refused, wherever the mapping is', () => {
  assert.equal(lineOfFault('a: 1\nb: 2\na: 3'), 3)
  assert.equal(lineOfFault('x:\n  - {k: 1, k: 2}'), 2)
  assert.equal(lineOfFault('a: 1\nb: {a: 2}\nc: {a: 3}'), undefined)
})

test('as many keys as there is room for are read', () => {
  const keys = Array.from({ length: 12_000 }, (_, at) => `k${at}: 1`).join('\n')
  assert.equal(lineOfFault(keys), undefined)
  assert.equal(lineOfFault(`${keys}\nk7: 2`), 12_001)
})
