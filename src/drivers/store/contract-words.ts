/** The words in which the store's contract is written: changes, refusals, a store under test. */

import assert from 'node:assert/strict'
import type { Json } from '#base/json.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import type { Change, Commit, Store } from './port.ts'

export type StoreUnderTest = {
  readonly store: Store
  /** Closes the store and opens it again on the same data. */
  reopen(): Promise<Store>
  dispose(): Promise<void> | void
}

export type With = (use: (under: StoreUnderTest) => Promise<void>) => () => Promise<void>

export const put = (id: string, value: Json, expect?: number): Change => ({
  op: 'put',
  kind: 'thing',
  id,
  value,
  ...(expect === undefined ? {} : { expect }),
})
export const remove = (id: string, expect?: number): Change => ({
  op: 'remove',
  kind: 'thing',
  id,
  ...(expect === undefined ? {} : { expect }),
})
export const claim = (name: string, holder: string): Change => ({ op: 'claim', claim: name, holder })
export const release = (name: string, holder: string): Change => ({ op: 'release', claim: name, holder })

export const refusedWith =
  (code: ProblemCode, facts: object = {}) =>
  (error: unknown) => {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, code)
    assert.deepEqual({ ...error.facts, ...facts }, error.facts)
    return true
  }

/** The commits of a watch until it has seen a revision. */
export async function seenUntil(store: Store, after: number, revision: number): Promise<Commit[]> {
  const done = new AbortController()
  const seen: Commit[] = []
  if (revision <= after) return seen
  for await (const commit of store.watch(after, done.signal)) {
    seen.push(commit)
    if (commit.revision >= revision) done.abort()
  }
  return seen
}
