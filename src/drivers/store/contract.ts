/** What every store driver promises, as tests: one for each sentence of the port. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { history, watching } from './contract-watch.ts'
import {
  claim,
  put,
  refusedWith,
  release,
  remove,
  seenUntil,
  type StoreUnderTest,
  type With,
} from './contract-words.ts'
import type { Change, Store } from './port.ts'

export type MakeStore = () => Promise<StoreUnderTest>

const everything = async (store: Store) => ({
  ...(await store.snapshot()),
  claims: await store.claims(''),
})

/** Runs the whole contract against one driver. */
export function obeysStoreContract(name: string, make: MakeStore) {
  const withStore = (use: (under: StoreUnderTest) => Promise<void>) => async () => {
    const under = await make()
    try {
      await use(under)
    } finally {
      await under.dispose()
    }
  }
  describe(`the ${name} store`, () => {
    entriesAndPreconditions(withStore)
    claims(withStore)
    watching(withStore)
    history(withStore)
    races(withStore)
    reopening(withStore)
  })
}

function entriesAndPreconditions(withStore: With) {
  test(
    'gives back what was put, with the revision of the commit that put it',
    withStore(async ({ store }) => {
      assert.equal(await store.get('thing', 'a'), undefined)
      const value = { text: 'é\u0000\ud800"\\\n', deep: [{ n: 1.5, no: null }], ['__proto__']: { x: 1 } }
      const { revision } = await store.commit([put('a', value)])
      const entry = await store.get('thing', 'a')
      assert.deepEqual({ ...entry, value: null }, { kind: 'thing', id: 'a', revision, value: null })
      assert.equal(JSON.stringify(entry?.value), JSON.stringify(value))
      assert.equal(await store.get('other', 'a'), undefined)
      assert.equal(await store.revision(), revision)
    }),
  )

  test(
    'what a caller does to a value after the commit, or to one that was read, changes nothing stored',
    withStore(async ({ store }) => {
      const value = { list: [1] }
      const committing = store.commit([put('a', value)])
      value.list.push(2)
      await committing
      const first = (await store.get('thing', 'a'))?.value as { list: number[] }
      assert.deepEqual(first, { list: [1] })
      try {
        first.list.push(3)
      } catch (refusal) {
        assert.ok(refusal instanceof TypeError)
      }
      assert.deepEqual((await store.get('thing', 'a'))?.value, { list: [1] })
    }),
  )

  test(
    'every commit has a higher revision than all before, also one without changes',
    withStore(async ({ store }) => {
      const revisions = [await store.revision()]
      for (const changes of [[put('a', 1)], [], [remove('a')], [claim('c', 'x')], [put('a', 1)]])
        revisions.push((await store.commit(changes)).revision)
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].toSorted((a, b) => a - b),
      )
      const [start = 0, ...rest] = revisions
      const seen = await seenUntil(store, start, rest.at(-1) ?? 0)
      assert.deepEqual(
        seen.map(({ revision }) => revision),
        rest,
      )
    }),
  )

  test(
    'expect 0 wants absence, expect n wants revision n, for put, remove and check',
    withStore(async ({ store }) => {
      const conflict = refusedWith('store/conflict', { kind: 'thing', id: 'a' })
      const { revision: one } = await store.commit([put('a', 1, 0)])
      await assert.rejects(store.commit([put('a', 2, 0)]), conflict)
      await assert.rejects(store.commit([put('a', 2, one + 1)]), conflict)
      await assert.rejects(store.commit([remove('a', 0)]), conflict)
      await assert.rejects(store.commit([remove('a', one + 1)]), conflict)
      const check = (expect: number): Change => ({ op: 'check', kind: 'thing', id: 'a', expect })
      await assert.rejects(store.commit([put('b', 1), check(0)]), conflict)
      await store.commit([put('b', 1), check(one)])
      const { revision: two } = await store.commit([put('a', 2, one)])
      assert.equal((await store.get('thing', 'a'))?.revision, two)
      await store.commit([remove('a', two)])
      assert.equal(await store.get('thing', 'a'), undefined)
      await assert.rejects(store.commit([put('a', 3, two)]), conflict)
      await store.commit([check(0), remove('a', 0), remove('a')])
    }),
  )

  test(
    'a refused commit changes nothing: no entry, no claim, no history',
    withStore(async ({ store }) => {
      await store.commit([put('a', 1), put('b', 1), claim('taken', 'x'), claim('mine', 'me')])
      const before = await everything(store)
      const start = [put('a', 2), remove('b'), put('c', 1), claim('new', 'me'), release('mine', 'me')]
      await assert.rejects(store.commit([...start, claim('taken', 'me')]), refusedWith('store/claimed'))
      await assert.rejects(store.commit([...start, put('a', 3, 999_999)]), refusedWith('store/conflict'))
      assert.deepEqual(await everything(store), before)
      const { revision } = await store.commit([put('d', 1)])
      const seen = await seenUntil(store, before.revision, revision)
      assert.deepEqual(seen, [{ revision, changes: [{ kind: 'thing', id: 'd', value: 1 }] }])
    }),
  )

  test(
    'changes of one commit happen in their order',
    withStore(async ({ store }) => {
      await store.commit([claim('c', 'x')])
      await store.commit([release('c', 'x'), claim('c', 'y')])
      assert.deepEqual(await store.claims('c'), [{ claim: 'c', holder: 'y' }])
      await assert.rejects(
        store.commit([claim('c', 'z'), release('c', 'y')]),
        refusedWith('store/claimed', { claim: 'c', holder: 'y' }),
      )
    }),
  )

  test(
    'a document or a commit beyond its bound is refused and changes nothing',
    withStore(async ({ store }) => {
      const fits = 'x'.repeat(limits.documentBytes - 2)
      await store.commit([put('a', fits)])
      assert.equal((await store.get('thing', 'a'))?.value, fits)
      await assert.rejects(store.commit([put('b', 1), put('a', `${fits}x`)]), refusedWith('store/too-large'))
      const many = Array.from({ length: limits.changesPerCommit }, (_, n) => put(`n${n}`, n))
      await assert.rejects(store.commit([...many, put('b', 1)]), refusedWith('store/too-many'))
      assert.equal(await store.get('thing', 'b'), undefined)
      await store.commit(many)
    }),
  )

  test(
    'a snapshot holds every entry, or those of one kind, at one revision',
    withStore(async ({ store }) => {
      await store.commit([put('a', 1), { op: 'put', kind: 'other', id: 'a', value: 2 }])
      const { revision } = await store.commit([put('b', 3), remove('a')])
      const all = await store.snapshot()
      assert.equal(all.revision, revision)
      assert.deepEqual(all.entries.map(({ kind, id, value }) => [kind, id, value]).toSorted(), [
        ['other', 'a', 2],
        ['thing', 'b', 3],
      ])
      const some = await store.snapshot('thing')
      assert.deepEqual(
        some.entries.map(({ id }) => id),
        ['b'],
      )
      assert.deepEqual((await store.snapshot('nothing')).entries, [])
    }),
  )
}

function claims(withStore: With) {
  test(
    'a claim has one holder; it may take it again, nobody else may',
    withStore(async ({ store }) => {
      await store.commit([claim('name/a', 'x')])
      await store.commit([claim('name/a', 'x')])
      await assert.rejects(
        store.commit([claim('name/a', 'y')]),
        refusedWith('store/claimed', { claim: 'name/a', holder: 'x' }),
      )
      await store.commit([release('name/a', 'y'), release('name/b', 'y')])
      assert.deepEqual(await store.claims('name/'), [{ claim: 'name/a', holder: 'x' }])
      await store.commit([release('name/a', 'x')])
      await store.commit([claim('name/a', 'y')])
      assert.deepEqual(await store.claims('name/'), [{ claim: 'name/a', holder: 'y' }])
    }),
  )

  test(
    'claims are listed by their beginning, which is no pattern',
    withStore(async ({ store }) => {
      const names = ['a%', 'a%b', 'ab', 'a_', 'a*c', 'A%', 'a%\u{10ffff}x', '가', '가나', 'b']
      await store.commit(names.map((name) => claim(name, 'x')))
      const listed = async (prefix: string) => (await store.claims(prefix)).map(({ claim }) => claim)
      for (const prefix of ['', 'a', 'a%', 'a_', 'a*', '가', 'zz']) {
        const wanted = names.filter((name) => name.startsWith(prefix))
        assert.deepEqual((await listed(prefix)).toSorted(), wanted.toSorted(), prefix)
      }
    }),
  )
}

function races(withStore: With) {
  test(
    'of 200 commits at once for one claim exactly one wins (I-26, I-27)',
    withStore(async ({ store }) => {
      const attempts = Array.from({ length: 200 }, (_, n) =>
        store.commit([put(`n${n}`, n, 0), claim('address/10.0.0.1', `n${n}`)]),
      )
      const outcomes = await Promise.allSettled(attempts)
      const won = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [`n${n}`] : []))
      assert.equal(won.length, 1)
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') refusedWith('store/claimed', { holder: won[0] })(outcome.reason)
      assert.deepEqual(await store.claims('address/'), [{ claim: 'address/10.0.0.1', holder: won[0] }])
      assert.deepEqual(
        (await store.snapshot()).entries.map(({ id }) => id),
        won,
      )
    }),
  )

  test(
    'a sum kept with preconditions loses no addition of many at once (I-26)',
    withStore(async ({ store }) => {
      await store.commit([put('sum', 0)])
      const add = async () => {
        for (;;) {
          const entry = await store.get('thing', 'sum')
          const outcome = await store
            .commit([put('sum', Number(entry?.value) + 1, entry?.revision ?? 0)])
            .catch((error: unknown) => error)
          if (!(outcome instanceof Problem)) return
          assert.equal(outcome.code, 'store/conflict')
        }
      }
      await Promise.all(Array.from({ length: 20 }, add))
      assert.equal((await store.get('thing', 'sum'))?.value, 20)
    }),
  )
}

function reopening(withStore: With) {
  test(
    'opened again it has its entries, claims, revision and history',
    withStore(async ({ store, reopen }) => {
      const { revision: one } = await store.commit([put('a', { n: 1 }), claim('c', 'x')])
      const { revision: two } = await store.commit([put('b', 2), remove('a')])
      const before = await everything(store)
      const again = await reopen()
      assert.deepEqual(await everything(again), before)
      assert.deepEqual(
        (await seenUntil(again, one, two)).map(({ changes }) => changes),
        [
          [
            { kind: 'thing', id: 'b', value: 2 },
            { kind: 'thing', id: 'a', value: undefined },
          ],
        ],
      )
      assert.ok((await again.commit([put('b', 3, two)])).revision > two)
      await again.compact(two)
    }),
  )

  test(
    'once closed it says so and does nothing more; its watches end with the problem',
    withStore(async ({ store, reopen }) => {
      const { revision } = await store.commit([put('a', 1)])
      const watching = assert.rejects(seenUntil(store, revision, Infinity), refusedWith('store/failing'))
      await store.get('thing', 'a')
      assert.equal(store.health().state, 'ok')
      await store.close()
      await store.close()
      await watching
      assert.equal(store.health().state, 'closed')
      await assert.rejects(store.commit([put('a', 2)]), refusedWith('store/failing'))
      await assert.rejects(store.get('thing', 'a'), refusedWith('store/failing'))
      const again = await reopen()
      assert.equal((await again.get('thing', 'a'))?.value, 1)
    }),
  )
}
