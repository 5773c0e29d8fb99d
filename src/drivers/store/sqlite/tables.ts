/**
 * The store's tables: the SQL, all of it synchronous, for the one thread that writes. A batch of commits is one
 * transaction and so one wait for the disk; each commit in it is a savepoint of its own, all or nothing.
 *
 * A refusal by the disk refuses the whole batch. What the disk refused while making durable may still be there
 * after a power cut in that very moment; what it acknowledged always is.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { limits } from '#model/limits.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import type { Facts } from '#model/sentence.ts'
import type { WrittenChange } from '../../ground/changes.ts'
import { inTransaction } from '../../ground/sqlite.ts'
import { claimSum, entrySum, historySum, mustMatch, toggled, type EntryRow } from './checksum.ts'

export type Outcome =
  /** `idle`: which changes removed something that was not there. */
  | { readonly revision: number; readonly idle: readonly number[] }
  | { readonly problem: { readonly code: ProblemCode; readonly facts: Facts } }

export type State = {
  readonly revision: number
  /** History up to and including it is no longer kept. */
  readonly forgotten: number
  /** Changes and bytes in the history. */
  readonly size: number
  readonly bytes: number
  readonly digest: number
}

export type HistoryRow = { readonly revision: number; readonly changes: string }

type Bounds = { readonly size: number; readonly bytes: number }

const historyBounds: Bounds = { size: limits.watchHistoryChanges, bytes: limits.watchHistoryBytes }

/** Bytes of history read in one go. */
const readBytes = 1_048_576

export class Tables {
  readonly #db: DatabaseSync
  readonly #bounds: Bounds
  readonly #sql: ReturnType<typeof statements>
  #state: State
  /** Of the batch under way. */
  #draft: { -readonly [K in keyof State]: State[K] }

  constructor(db: DatabaseSync, bounds: Bounds = historyBounds) {
    this.#db = db
    this.#bounds = bounds
    this.#sql = statements(db)
    this.#state = db.prepare('SELECT revision, forgotten, size, bytes, digest FROM state').get() as State
    this.#draft = { ...this.#state }
  }

  get state(): State {
    return this.#state
  }

  /** Makes the commits durable together; the outcomes are in their order. */
  commit(batch: readonly (readonly WrittenChange[])[]): readonly Outcome[] {
    const outcomes = inTransaction(this.#db, () => {
      this.#draft = { ...this.#state }
      const outcomes = batch.map((changes) => this.#attempt(changes))
      this.#prune(2 * batch.length + 16)
      this.#writeState()
      return outcomes
    })
    this.#state = { ...this.#draft }
    return outcomes
  }

  get(kind: string, id: string): EntryRow | undefined {
    const row = this.#sql.getEntry.get(kind, id)
    return row === undefined ? undefined : verified(row)
  }

  snapshot(kind: string | undefined): { readonly revision: number; readonly entries: readonly EntryRow[] } {
    const rows = kind === undefined ? this.#sql.allEntries.all() : this.#sql.entriesOf.all(kind)
    return { revision: this.#state.revision, entries: rows.map(verified) }
  }

  claims(prefix: string): readonly { readonly claim: string; readonly holder: string }[] {
    const found = []
    for (const row of this.#sql.claimsFrom.iterate(prefix)) {
      const [claim, holder] = [String(row['claim']), String(row['holder'])]
      if (!claim.startsWith(prefix)) break
      mustMatch(claimSum(claim, holder), row['sum'], `claim ${claim}`)
      found.push({ claim, holder })
    }
    return found
  }

  /** Commits after a revision, oldest first, up to about a mebibyte. Problem `store/compacted`. */
  history(after: number): readonly HistoryRow[] {
    if (after < this.#state.forgotten) throw new Problem('store/compacted', { revision: after })
    const found: HistoryRow[] = []
    let bytes = 0
    for (const row of this.#sql.historyAfter.iterate(after)) {
      const [revision, changes] = [Number(row['revision']), String(row['changes'])]
      mustMatch(historySum(revision, changes), row['sum'], `commit ${revision}`)
      found.push({ revision, changes })
      bytes += changes.length
      if (bytes > readBytes) break
    }
    return found
  }

  compact(through: number) {
    inTransaction(this.#db, () => {
      this.#draft = { ...this.#state }
      this.#forget(Math.min(through, this.#state.revision))
      this.#writeState()
    })
    this.#state = { ...this.#draft }
  }

  /** Writes durably without changing anything; throws as a commit would. */
  probe() {
    inTransaction(this.#db, () => {
      this.#draft = { ...this.#state }
      this.#writeState()
    })
  }

  #attempt(changes: readonly WrittenChange[]): Outcome {
    const before = { ...this.#draft }
    this.#sql.save.run()
    try {
      const outcome = this.#make(changes, before.revision + 1)
      this.#sql.release.run()
      return outcome
    } catch (error) {
      if (!(error instanceof Problem) || !this.#db.isTransaction) throw error
      this.#sql.undo.run()
      this.#sql.release.run()
      this.#draft = before
      return { problem: { code: error.code, facts: error.facts } }
    }
  }

  #make(changes: readonly WrittenChange[], revision: number): Outcome {
    const made: string[] = []
    const idle: number[] = []
    for (const [index, change] of changes.entries()) {
      if ('claim' in change) this.#turnClaim(change)
      else if (this.#turnEntry(change, revision)) made.push(madeText(change))
      else idle.push(index)
    }
    this.#draft.revision = revision
    this.#remember(revision, made)
    return { revision, idle }
  }

  #turnClaim({ op, claim, holder }: Extract<WrittenChange, { readonly claim: string }>) {
    const current = this.#sql.getClaim.get(claim)?.['holder']
    if (op === 'claim' && current !== undefined && current !== holder)
      throw new Problem('store/claimed', { claim, holder: String(current) })
    if ((op === 'claim') === (current === holder)) return
    if (op === 'release' && current !== holder) return
    const sum = claimSum(claim, holder)
    this.#draft.digest = toggled(this.#draft.digest, sum)
    if (op === 'claim') this.#sql.putClaim.run(claim, holder, sum)
    else this.#sql.dropClaim.run(claim)
  }

  /** Whether it changed something. */
  #turnEntry(change: Exclude<WrittenChange, { readonly claim: string }>, revision: number): boolean {
    const { kind, id } = change
    const current = this.#sql.findEntry.get(kind, id)
    if (change.expect !== undefined && change.expect !== Number(current?.['revision'] ?? 0))
      throw new Problem('store/conflict', { kind, id })
    if (change.op === 'check' || (change.op === 'remove' && current === undefined)) return false
    const at = Number(current?.['at'])
    if (current !== undefined) this.#draft.digest = toggled(this.#draft.digest, Number(current['sum']))
    if (change.op === 'remove') {
      this.#sql.dropEntry.run(at)
      return true
    }
    const sum = entrySum({ kind, id, revision, value: change.text })
    this.#draft.digest = toggled(this.#draft.digest, sum)
    if (current === undefined) this.#sql.addEntry.run(kind, id, revision, change.text, sum)
    else this.#sql.setEntry.run(revision, change.text, sum, at)
    return true
  }

  #remember(revision: number, made: readonly string[]) {
    const changes = `[${made.join(',')}]`
    const size = Math.max(1, made.length)
    this.#sql.addHistory.run(revision, changes, size, changes.length, historySum(revision, changes))
    this.#draft.size += size
    this.#draft.bytes += changes.length
  }

  /** Forgets the oldest commits beyond the bounds, a few at a time so that no commit waits long for it. */
  #prune(most: number) {
    let { size, bytes } = this.#draft
    if (size <= this.#bounds.size && bytes <= this.#bounds.bytes) return
    let through = this.#draft.forgotten
    for (const row of this.#sql.oldest.iterate(most)) {
      if (size <= this.#bounds.size && bytes <= this.#bounds.bytes) break
      size -= Number(row['size'])
      bytes -= Number(row['bytes'])
      through = Number(row['revision'])
    }
    this.#forget(through)
  }

  #forget(through: number) {
    if (through <= this.#draft.forgotten) return
    const sums = this.#sql.sizeThrough.get(through) ?? {}
    this.#sql.dropHistory.run(through)
    this.#draft.forgotten = through
    this.#draft.size -= Number(sums['size'])
    this.#draft.bytes -= Number(sums['bytes'])
  }

  #writeState() {
    const { revision, forgotten, size, bytes, digest } = this.#draft
    const { changes } = this.#sql.setState.run(revision, forgotten, size, bytes, digest, this.#state.revision)
    if (changes !== 1) throw new Problem('store/failing', { why: 'somebody else wrote to the store' })
  }
}

function verified(row: Record<string, unknown>): EntryRow {
  const entry = {
    kind: String(row['kind']),
    id: String(row['id']),
    revision: Number(row['revision']),
    value: String(row['value']),
  }
  mustMatch(entrySum(entry), row['sum'], `${entry.kind} ${entry.id}`)
  return entry
}

function madeText(change: Extract<WrittenChange, { readonly kind: string }>): string {
  const key = `"kind":${JSON.stringify(change.kind)},"id":${JSON.stringify(change.id)}`
  return change.op === 'put' ? `{${key},"value":${change.text}}` : `{${key}}`
}

const statements = (db: DatabaseSync) =>
  ({
    save: db.prepare('SAVEPOINT one'),
    release: db.prepare('RELEASE one'),
    undo: db.prepare('ROLLBACK TO one'),
    getEntry: db.prepare('SELECT kind, id, revision, value, sum FROM entry WHERE kind = ? AND id = ?'),
    allEntries: db.prepare('SELECT kind, id, revision, value, sum FROM entry'),
    entriesOf: db.prepare('SELECT kind, id, revision, value, sum FROM entry WHERE kind = ?'),
    findEntry: db.prepare('SELECT at, revision, sum FROM entry WHERE kind = ? AND id = ?'),
    addEntry: db.prepare('INSERT INTO entry (kind, id, revision, value, sum) VALUES (?, ?, ?, ?, ?)'),
    setEntry: db.prepare('UPDATE entry SET revision = ?, value = ?, sum = ? WHERE at = ?'),
    dropEntry: db.prepare('DELETE FROM entry WHERE at = ?'),
    getClaim: db.prepare('SELECT holder FROM claim WHERE claim = ?'),
    putClaim: db.prepare('INSERT INTO claim (claim, holder, sum) VALUES (?, ?, ?)'),
    dropClaim: db.prepare('DELETE FROM claim WHERE claim = ?'),
    claimsFrom: db.prepare('SELECT claim, holder, sum FROM claim WHERE claim >= ? ORDER BY claim'),
    addHistory: db.prepare(
      'INSERT INTO history (revision, changes, size, bytes, sum) VALUES (?, ?, ?, ?, ?)',
    ),
    historyAfter: db.prepare(
      'SELECT revision, changes, sum FROM history WHERE revision > ? ORDER BY revision LIMIT 1000',
    ),
    oldest: db.prepare('SELECT revision, size, bytes FROM history ORDER BY revision LIMIT ?'),
    sizeThrough: db.prepare(
      'SELECT coalesce(sum(size), 0) AS size, coalesce(sum(bytes), 0) AS bytes FROM history WHERE revision <= ?',
    ),
    dropHistory: db.prepare('DELETE FROM history WHERE revision <= ?'),
    setState: db.prepare(
      'UPDATE state SET revision = ?, forgotten = ?, size = ?, bytes = ?, digest = ? WHERE revision = ?',
    ),
  }) satisfies Record<string, StatementSync>
