/** What every ledger driver promises, as tests. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { limits } from '#model/limits.ts'
import type { AuditRecord, ChainedRecord, Ledger, LedgerEvent } from './port.ts'

export type LedgerUnderTest = {
  readonly ledger: Ledger
  /** Closes the ledger and opens it again on the same data. */
  reopen(): Promise<Ledger>
  /** What somebody with access to the data could do: replaces all audit records by others. */
  rewrite(forge: (oldestFirst: readonly ChainedRecord[]) => readonly ChainedRecord[]): Promise<Ledger>
  dispose(): Promise<void> | void
}

export type MakeLedger = () => Promise<LedgerUnderTest>

const record = (id: string, more: Partial<AuditRecord> = {}): AuditRecord => ({
  id,
  atMs: 1_700_000_000_000,
  user: 'ann',
  via: 'api',
  credential: 'session',
  action: 'create',
  kind: 'machine',
  project: 'shop',
  name: 'web',
  outcome: 'done',
  code: '',
  requestId: 'r1',
  from: '127.0.0.1',
  detail: 'spec.cpus: 1 → 2 "é"\n',
  ...more,
})

const event = (id: string, more: Partial<LedgerEvent> = {}): LedgerEvent => ({
  id,
  atMs: 1_700_000_000_000,
  type: 'machine.started',
  kind: 'machine',
  project: 'shop',
  name: 'web',
  objectId: 'o1',
  facts: { host: 'h1', count: 2, first: true },
  text: 'Machine web started on h1.',
  ...more,
})

const everything = { limit: limits.pageItems }
const ids = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id)

/** Runs the whole contract against one driver. */
export function obeysLedgerContract(name: string, make: MakeLedger) {
  const withLedger = (use: (under: LedgerUnderTest) => Promise<void>) => async () => {
    const under = await make()
    try {
      await use(under)
    } finally {
      await under.dispose()
    }
  }
  describe(`the ${name} ledger`, () => {
    reading(withLedger)
    chaining(withLedger)
    bounding(withLedger)
  })
}

type With = (use: (under: LedgerUnderTest) => Promise<void>) => () => Promise<void>

function reading(withLedger: With) {
  test(
    'audit records come back whole, newest first, page by page',
    withLedger(async ({ ledger }) => {
      await ledger.audit([record('a'), record('b')])
      await ledger.audit([record('c', { project: null })])
      const all = await ledger.audits(everything)
      assert.deepEqual(ids(all), ['c', 'b', 'a'])
      const [newest, , oldest] = all
      const { sequence, hash, ...rest } = oldest ?? assert.fail()
      assert.deepEqual(rest, record('a'))
      assert.match(hash, /^[0-9a-f]{64}$/)
      assert.ok(sequence < (newest?.sequence ?? 0))
      const page = await ledger.audits({ limit: 1, before: newest?.sequence ?? 0 })
      assert.deepEqual(ids(page), ['b'])
    }),
  )

  test(
    'a record with an id already there is skipped, within one call as well (I-41)',
    withLedger(async ({ ledger }) => {
      await ledger.audit([record('a'), record('a', { name: 'other' }), record('b')])
      await ledger.audit([record('b'), record('c'), record('a')])
      assert.deepEqual(ids(await ledger.audits(everything)), ['c', 'b', 'a'])
      assert.equal((await ledger.audits(everything)).at(-1)?.name, 'web')
      assert.deepEqual(await ledger.verify(), { records: 3, brokenAt: null })
      await ledger.event([event('e'), event('e')])
      await ledger.event([event('e')])
      assert.equal((await ledger.events(everything)).length, 1)
    }),
  )

  test(
    'both are filtered by project, kind and name, alone and together',
    withLedger(async ({ ledger }) => {
      const places = ['shop', 'lab', null].flatMap((project) =>
        ['machine', 'volume'].flatMap((kind) => ['x', "y'; --"].map((name) => ({ project, kind, name }))),
      )
      await ledger.audit(places.map((place, n) => record(`a${n}`, place)))
      await ledger.event(places.map((place, n) => event(`a${n}`, place)))
      const filters = [
        { project: 'shop' },
        { kind: 'volume' },
        { name: "y'; --" },
        { project: 'lab', kind: 'machine', name: 'x' },
        { project: 'none' },
      ]
      for (const filter of filters) {
        const wanted = places
          .flatMap((place, n) =>
            Object.entries(filter).every(([field, value]) => place[field as 'kind'] === value)
              ? [`a${n}`]
              : [],
          )
          .toReversed()
        assert.deepEqual(ids(await ledger.audits({ ...everything, ...filter })), wanted)
        assert.deepEqual(ids(await ledger.events({ ...everything, ...filter })), wanted)
      }
    }),
  )

  test(
    'events come back whole, newest first, page by page',
    withLedger(async ({ ledger }) => {
      await ledger.event([event('a'), event('b'), event('c')])
      const [newest, ...rest] = await ledger.events({ limit: 2 })
      assert.deepEqual(ids(rest), ['b'])
      const { sequence, ...whole } = newest ?? assert.fail()
      assert.deepEqual(whole, event('c'))
      assert.deepEqual(ids(await ledger.events({ limit: 5, before: sequence })), ['b', 'a'])
    }),
  )
}

type Forgery = (oldestFirst: readonly ChainedRecord[]) => readonly ChainedRecord[]

const renumbered: Forgery = (records) => records.map((one, index) => ({ ...one, sequence: index + 1 }))

const forgeries: Readonly<Record<string, Forgery>> = {
  edited: (all) => all.map((one) => (one.id === 'n3' ? { ...one, user: 'bob' } : one)),
  'edited at the end': (all) => all.map((one) => (one.id === 'n5' ? { ...one, outcome: 'refused' } : one)),
  removed: (all) => all.filter(({ id }) => id !== 'n2'),
  'removed and renumbered': (all) => renumbered(all.filter(({ id }) => id !== 'n2')),
  'removed at the end': (all) => all.slice(0, -1),
  'all removed': () => [],
  inserted: (all) =>
    renumbered(all.flatMap((one) => (one.id === 'n3' ? [{ ...one, id: 'new' }, one] : [one]))),
  reordered: (all) => renumbered([...all.slice(0, 2), ...all.slice(2, 4).toReversed(), ...all.slice(4)]),
  'given the content of another': (all) =>
    all.map((one) => (one.id === 'n1' ? { ...one, ...all[2], id: 'n1', sequence: one.sequence } : one)),
}

function chaining(withLedger: With) {
  for (const [how, forge] of Object.entries(forgeries)) {
    test(
      `the chain shows a record that was ${how} (I-41)`,
      withLedger(async ({ ledger, rewrite }) => {
        await ledger.audit(Array.from({ length: 6 }, (_, n) => record(`n${n}`)))
        assert.deepEqual(await ledger.verify(), { records: 6, brokenAt: null })
        const forged = await rewrite(forge)
        assert.notEqual((await forged.verify()).brokenAt, null)
      }),
    )
  }

  test(
    'the chain names the first record that does not fit, and fits when nothing was touched',
    withLedger(async ({ ledger, rewrite }) => {
      await ledger.audit(Array.from({ length: 6 }, (_, n) => record(`n${n}`)))
      const fourth = (await ledger.audits(everything)).find(({ id }) => id === 'n3')
      const same = await rewrite((all) => all)
      assert.deepEqual(await same.verify(), { records: 6, brokenAt: null })
      const forged = await rewrite((all) => all.map((one) => (one.id === 'n3' ? { ...one, atMs: 1 } : one)))
      assert.equal((await forged.verify()).brokenAt, fourth?.sequence)
    }),
  )

  test(
    'an empty ledger is whole; opened again it goes on with its chain',
    withLedger(async ({ ledger, reopen }) => {
      assert.deepEqual(await ledger.verify(), { records: 0, brokenAt: null })
      await ledger.audit([record('a')])
      await ledger.event([event('a')])
      const again = await reopen()
      await again.audit([record('a'), record('b')])
      assert.deepEqual(ids(await again.audits(everything)), ['b', 'a'])
      assert.deepEqual(ids(await again.events(everything)), ['a'])
      assert.deepEqual(await again.verify(), { records: 2, brokenAt: null })
    }),
  )
}

function bounding(withLedger: With) {
  test(
    'events are bounded: the oldest make room for the newest (I-48)',
    withLedger(async ({ ledger }) => {
      const many = Array.from({ length: limits.eventsKept + 10 }, (_, n) => event(`e${n}`))
      await ledger.event(many)
      const [newest] = await ledger.events({ limit: 1 })
      assert.equal(newest?.id, many.at(-1)?.id)
      const beyond = (newest?.sequence ?? 0) - limits.eventsKept
      assert.deepEqual(await ledger.events({ limit: 5, before: beyond + 1 }), [])
      assert.equal((await ledger.events({ limit: 5, before: beyond + 3 })).length, 2)
    }),
  )

  test(
    'a page is never larger than the bound of pages',
    withLedger(async ({ ledger }) => {
      await ledger.event(Array.from({ length: limits.pageItems + 1 }, (_, n) => event(`e${n}`)))
      assert.equal((await ledger.events({ limit: 1e9 })).length, limits.pageItems)
    }),
  )
}
