import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#model/problem.ts'
import { obeysStoreContract } from '../contract.ts'
import { memoryDisk, memoryStore } from './store.ts'

obeysStoreContract('memory', async () => {
  const disk = memoryDisk()
  const store = memoryStore({ disk })
  return {
    store,
    reopen: async () => {
      await store.close()
      return memoryStore({ disk })
    },
    dispose: () => store.close(),
  }
})

test('an injected fault refuses the commit and changes nothing', async () => {
  let broken = true
  const store = memoryStore({
    beforeCommit: () => {
      if (broken) throw new Problem('store/full')
    },
  })
  await assert.rejects(store.commit([{ op: 'put', kind: 'k', id: 'a', value: 1 }]), { code: 'store/full' })
  broken = false
  assert.equal(await store.revision(), 0)
  await store.commit([{ op: 'put', kind: 'k', id: 'a', value: 1 }])
  assert.equal(await store.revision(), 1)
})

test('history is bounded: the oldest commits are forgotten (I-48)', async () => {
  const store = memoryStore({ keep: 3 })
  for (let n = 0; n < 10; n++) await store.commit([{ op: 'put', kind: 'k', id: 'a', value: n }])
  const seen = async (after: number) => {
    const done = new AbortController()
    for await (const { revision } of store.watch(after, done.signal)) if (revision === 10) done.abort()
  }
  await seen(7)
  await assert.rejects(seen(6), { code: 'store/compacted' })
})
