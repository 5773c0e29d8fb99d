/** The copy of the store: true after any commits, told once of each change, honest when its watch breaks. */

import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import type { Json } from '#base/json.ts'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import type { Document } from '#model/document.ts'
import { memoryStore } from '#drivers/store/memory/store.ts'
import type { Change, Store } from '#drivers/store/port.ts'
import { Replica, type Seen } from './replica.ts'

const thing = (id: string, change: Partial<Document> = {}): Document => ({
  kind: 'thing',
  id,
  name: `name-${id}`,
  project: 'default',
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
  spec: {},
  status: {},
  ...change,
})
const put = (document: Document, expect?: number): Change => ({
  op: 'put',
  kind: document.kind,
  id: document.id,
  value: document as unknown as Json,
  ...(expect === undefined ? {} : { expect }),
})
const remove = (id: string): Change => ({ op: 'remove', kind: 'thing', id })

async function replicaOf(store: Store, signal = new AbortController().signal) {
  const replica = new Replica(store, ['thing', 'other'])
  replica.index('on-host', 'thing', ({ host }) => (host === null ? [] : [host]))
  replica.index('labelled', 'thing', ({ labels }) => Object.keys(labels))
  await replica.start(signal)
  return replica
}
const ids = (stored: Iterable<{ readonly document: Document }>) =>
  [...stored].map(({ document }) => document.id).toSorted()

test('what stood before the start is there, and a commit is seen before its promise resolves', async () => {
  const store = memoryStore()
  await store.commit([put(thing('a', { host: 'h' }))])
  const replica = await replicaOf(store)
  deepEqual(ids(replica.by('on-host', 'h')), ['a'])
  const { revision } = await replica.commit([put(thing('b'))])
  equal(replica.get('thing', 'b')?.revision, revision)
  equal(replica.find('thing', 'default', 'name-b')?.document.id, 'b')
  ok(replica.revision >= revision)
})

test('a commit that the store refuses changes nothing here', async () => {
  const replica = await replicaOf(memoryStore())
  await replica.commit([put(thing('a'), 0)])
  await rejects(replica.commit([put(thing('b')), put(thing('a', { host: 'h' }), 0)]), {
    code: 'store/conflict',
  })
  deepEqual([ids(replica.all('thing')), replica.by('on-host', 'h')], [['a'], []])
})

test('entries that are no documents are passed by', async () => {
  const replica = await replicaOf(memoryStore())
  const seen: Seen[] = []
  replica.onChange((some) => seen.push(...some))
  await replica.commit([{ op: 'put', kind: 'secret', id: 'x', value: 1 }])
  deepEqual([seen, replica.get('secret', 'x'), replica.count('secret')], [[], undefined, 0])
})

test('a name that passes from one to another within one commit is found with the new one', async () => {
  const replica = await replicaOf(memoryStore())
  await replica.commit([put(thing('old', { name: 'web' }))])
  await replica.commit([put(thing('new', { name: 'web' })), remove('old')])
  equal(replica.find('thing', 'default', 'web')?.document.id, 'new')
  await replica.commit([put(thing('new', { name: 'shop' }))])
  equal(replica.find('thing', 'default', 'web'), undefined)
})

// By chance

const someThing = (random: Random): Document => {
  const id = `t${wholeFrom(random, 12)}`
  return thing(id, {
    project: oneOf(random, ['default', 'shop', null]),
    host: oneOf(random, [null, 'h1', 'h2']),
    labels: oneOf(random, [{}, { a: '1' }, { a: '1', b: '2' }]),
  })
}

const someChanges = (random: Random): Change[] =>
  Array.from({ length: 1 + wholeFrom(random, 4) }, () => {
    const document = someThing(random)
    return random() < 0.3 ? remove(document.id) : put(document)
  })

/** Reads everything anew, as nobody would do twice. */
async function checkTrue(replica: Replica, store: Store, seed: string) {
  const all = (await store.snapshot('thing')).entries.map(({ value }) => value as unknown as Document)
  const having = (fits: (document: Document) => boolean) =>
    ids(all.filter(fits).map((document) => ({ document })))
  deepEqual(
    ids(replica.all('thing')),
    having(() => true),
    seed,
  )
  for (const name of ['h1', 'h2'])
    deepEqual(
      ids(replica.by('on-host', name)),
      having(({ host }) => host === name),
      seed,
    )
  for (const key of ['a', 'b'])
    deepEqual(
      ids(replica.by('labelled', key)),
      having(({ labels }) => key in labels),
      seed,
    )
  for (const { project, name, id } of all) equal(replica.find('thing', project, name)?.document.id, id, seed)
}

test('indexes and names stay true under any commits, of its own and of others', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomFrom(seed)
    const store = memoryStore()
    const replica = await replicaOf(store)
    for (let at = 0; at < 40; at++) {
      const by = random() < 0.5 ? replica : store
      await replica.reached((await by.commit(someChanges(random))).revision)
      await checkTrue(replica, store, `seed ${seed}, commit ${at}`)
    }
    await checkNothingLeft(replica, `seed ${seed}`)
  }
})

/** Every name that ever was is gone with the last of its things. */
async function checkNothingLeft(replica: Replica, seed: string) {
  const last = [...replica.all('thing')].map(({ document }) => document)
  await replica.commit(last.map(({ id }) => remove(id)))
  equal(replica.count('thing'), 0, seed)
  for (const { project, name } of last) equal(replica.find('thing', project, name), undefined, seed)
}

test('each change is told once, in order, and each begins where the one before it ended (I-17)', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = randomFrom(seed)
    const replica = await replicaOf(memoryStore())
    const last = new Map<string, Seen['after']>()
    let [told, lastRevision] = [0, 0]
    replica.onChange((seen) => {
      for (const { id, before, after, revision } of seen) {
        equal(before, last.get(id), `seed ${seed}`)
        ok(revision >= lastRevision)
        last.set(id, after)
        lastRevision = revision
        told++
      }
    })
    let made = 0
    for (let at = 0; at < 40; at++) {
      const document = someThing(random)
      made++
      await replica.commit([put(document)])
      if (random() < 0.4) {
        made++
        await replica.commit([remove(document.id)])
      }
    }
    equal(told, made, `seed ${seed}`)
  }
})

test('who no longer listens hears nothing more', async () => {
  const replica = await replicaOf(memoryStore())
  let told = 0
  const stop = replica.onChange(() => told++)
  await replica.commit([put(thing('a'))])
  stop()
  await replica.commit([put(thing('b'))])
  equal(told, 1)
})

test(
  'when the watch breaks those who wait are told, and those who come later too',
  { timeout: 5_000 },
  async () => {
    const store = memoryStore()
    const broken = new Error('the disk is gone')
    const breaking: Store = Object.assign(Object.create(store) as Store, {
      snapshot: () => store.snapshot(),
      watch: () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await turn()
            throw broken
          },
        }),
      }),
    })
    const replica = await replicaOf(breaking)
    await rejects(replica.reached(replica.revision + 1), broken)
    await rejects(replica.reached(0), { code: 'store/failing' })
  },
)
