/** A memory that is streamed takes neither more than it can be nor the room of others (I-31, I-46, I-48). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#model/problem.ts'
import { bounded, reserveBytes, type Bound } from './stream.ts'

const piece = Buffer.alloc(2 ** 20)

async function* endless() {
  for (;;) yield piece
}

async function taken(bound: Omit<Bound, 'file'>) {
  let bytes = 0
  const code = await (async () => {
    for await (const each of bounded(endless(), { file: '/tmp/memory', ...bound })) bytes += each.length
  })().catch((fault: unknown) => (fault instanceof Problem ? fault.code : String(fault)))
  return { bytes, code }
}

test('a stream without an end is cut at its bound', async () => {
  assert.deepEqual(await taken({ mostBytes: 10 * 2 ** 20, freeBytes: async () => 2 ** 40 }), {
    bytes: 10 * 2 ** 20,
    code: 'qmp/refused',
  })
})

test('before a store is full for the others, it ends', async () => {
  let free = reserveBytes + 64 * 2 ** 20
  const { bytes, code } = await taken({ mostBytes: 2 ** 40, freeBytes: async () => (free -= 16 * 2 ** 20) })
  assert.equal(code, 'datastore/full')
  assert.ok(bytes < 128 * 2 ** 20)
})
