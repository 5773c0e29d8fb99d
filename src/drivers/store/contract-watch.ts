/** The part of the store's contract that is about watches and the history they replay (I-17). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import { claim, put, refusedWith, remove, seenUntil, type With } from './contract-words.ts'
import type { Change, Commit, Store } from './port.ts'

export function watching(withStore: With) {
  test(
    'a watch replays from a revision, then goes on live (I-17)',
    withStore(async ({ store }) => {
      const { revision: start } = await store.commit([put('before', 1)])
      const first = await store.commit([put('a', 1), claim('c', 'x'), remove('before'), remove('absent')])
      const done = new AbortController()
      const seen: Commit[] = []
      const watching = (async () => {
        for await (const commit of store.watch(start, done.signal)) {
          seen.push(commit)
          if (seen.length === 2) done.abort()
        }
      })()
      const second = await store.commit([put('a', 2)])
      await watching
      const gone = { kind: 'thing', id: 'before', value: undefined }
      assert.deepEqual(seen, [
        { ...first, changes: [{ kind: 'thing', id: 'a', value: 1 }, gone] },
        { ...second, changes: [{ kind: 'thing', id: 'a', value: 2 }] },
      ])
    }),
  )

  test(
    'an aborted watch ends without error, also while it waits and before it began',
    withStore(async ({ store }) => {
      const done = new AbortController()
      const waiting = (async () => {
        for await (const _ of store.watch(await store.revision(), done.signal))
          assert.fail('nothing happened')
      })()
      await store.get('thing', 'a')
      done.abort()
      await waiting
      await store.commit([put('a', 1)])
      for await (const _ of store.watch(0, done.signal)) assert.fail('it was aborted')
      for await (const commit of store.watch(0, new AbortController().signal)) {
        assert.equal(commit.changes.length, 1)
        break
      }
    }),
  )

  for (const seed of [1, 2, 3]) {
    test(
      `watchers that begin anywhere while commits run see each once, in order (I-17), seed ${seed}`,
      withStore(async ({ store }) => {
        await watchersSeeAll(store, randomFrom(seed))
      }),
    )
  }
}

/** Several writers and watchers at once; every watcher must rebuild the very history. */
async function watchersSeeAll(store: Store, random: Random) {
  const commits = 150
  const made = new Map<number, Commit['changes']>()
  const watchers: Promise<{ after: number; seen: Commit[] }>[] = []
  const base = await store.revision()
  const writer = async (holder: string) => {
    for (let n = 0; n < commits; n++) {
      const changes = randomChanges(random, `${holder}-${n}`)
      const { revision } = await store.commit(changes)
      made.set(
        revision,
        changes.flatMap((change) => (change.op === 'put' ? [madeBy(change)] : [])),
      )
      if (random() < 0.05) watchers.push(follow(store, base + wholeFrom(random, revision - base + 1), base))
    }
  }
  watchers.push(follow(store, base, base))
  await Promise.all(['w1', 'w2', 'w3', 'w4'].map(writer))
  const { revision: last } = await store.commit([put('end', 'end')])
  made.set(last, [{ kind: 'thing', id: 'end', value: 'end' }])
  const history = [...made]
    .toSorted(([a], [b]) => a - b)
    .map(([revision, changes]) => ({ revision, changes }))
  for (const { after, seen } of await Promise.all(watchers))
    assert.deepEqual(
      seen,
      history.filter(({ revision }) => revision > after),
    )
}

const madeBy = ({ kind, id, value }: Extract<Change, { op: 'put' }>) => ({ kind, id, value })

const randomChanges = (random: Random, mark: string): Change[] =>
  Array.from({ length: wholeFrom(random, 4) }, () =>
    random() < 0.8
      ? put(oneOf(random, ['a', 'b', 'c', 'd']), { mark, n: random() })
      : claim(`${mark}-${random()}`, mark),
  )

async function follow(store: Store, after: number, base: number) {
  const done = new AbortController()
  const seen: Commit[] = []
  assert.ok(after >= base)
  for await (const commit of store.watch(after, done.signal)) {
    seen.push(commit)
    if (commit.changes[0]?.id === 'end') done.abort()
  }
  return { after, seen }
}

export function history(withStore: With) {
  test(
    'compaction forgets history, not entries; who asks for the forgotten is told',
    withStore(async ({ store }) => {
      const { revision: one } = await store.commit([put('a', 1)])
      const { revision: two } = await store.commit([put('a', 2)])
      const { revision: three } = await store.commit([put('b', 3), claim('c', 'x')])
      await store.compact(two)
      await assert.rejects(seenUntil(store, one, three), refusedWith('store/compacted'))
      await assert.rejects(seenUntil(store, 0, three), refusedWith('store/compacted'))
      assert.deepEqual(
        (await seenUntil(store, two, three)).map(({ revision }) => revision),
        [three],
      )
      assert.equal((await store.snapshot()).entries.length, 2)
      await store.compact(one)
      assert.equal((await seenUntil(store, two, three)).length, 1)
      await store.compact(three)
      const { revision: four } = await store.commit([put('a', 4, two)])
      assert.ok(four > three)
      assert.equal((await seenUntil(store, three, four)).length, 1)
    }),
  )
}
