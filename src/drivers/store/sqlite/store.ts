/**
 * The store on SQLite. All disk work is done by one thread (`worker.ts`), so that a slow or hanging disk never
 * stalls the program. Commits that arrive while others are being made durable go together into the next
 * transaction; each is acknowledged, and shown to watchers, only after that.
 *
 *     commit → waiting → batch in the thread → durable → feed → acknowledged
 */

import type { Json } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { writtenChanges, type WrittenChange } from '../../ground/changes.ts'
import { Feed } from '../../ground/feed.ts'
import { frozenFrom } from '../../ground/frozen.ts'
import { Thread } from '../../ground/thread.ts'
import type { Change, Commit, Entry, Store, StoreHealth } from '../port.ts'
import type { EntryRow } from './checksum.ts'
import type { HistoryRow, Outcome, State } from './tables.ts'
import type { StoreAsks } from './worker.ts'

/** Commits in one transaction; more would make the first of them wait longer than the disk needs. */
const batchCommits = 512
const batchBytes = 8_388_608
/** Newest commits kept in memory for watchers; older ones are read from the disk. */
const feedCommits = 256
/** A disk that has not answered for so long is said to be failing. */
const slowMs = 5_000
/** How often a failing store tries whether it can write again. */
const probeMs = 1_000
/** Entries parsed before others get a turn. */
const slice = 1_000

type Waiting = {
  readonly changes: readonly WrittenChange[]
  readonly resolve: (done: { readonly revision: number }) => void
  readonly reject: (error: unknown) => void
}

type Recent = { readonly revision: number; readonly read: () => Commit }

/**
 * Opens the store `store.db` in a folder, creating both. Problems: `store/locked`, `store/unsafe`, `store/newer`,
 * `store/corrupt`, `store/full`, `store/failing`.
 */
export async function openSqliteStore({ folder }: { readonly folder: string }): Promise<Store> {
  const thread = new Thread<StoreAsks>(new URL('./worker.ts', import.meta.url), 'store')
  try {
    return new SqliteStore(thread, await thread.ask('open', { folder }))
  } catch (error) {
    await thread.end()
    throw error
  }
}

class SqliteStore implements Store {
  readonly name = 'sqlite'
  readonly #thread: Thread<StoreAsks>
  readonly #feed: Feed<Recent>
  readonly #closing = new AbortController()
  #forgotten: number
  #waiting: Waiting[] = []
  #working: Promise<void> | undefined
  #health: StoreHealth = { state: 'ok', why: '' }
  #probing: NodeJS.Timeout | undefined
  #closed: Promise<void> | undefined

  constructor(thread: Thread<StoreAsks>, { revision, forgotten }: State) {
    this.#thread = thread
    this.#feed = new Feed<Recent>({ revision, keep: feedCommits })
    this.#forgotten = forgotten
  }

  async get(kind: string, id: string): Promise<Entry | undefined> {
    this.#mustBeOpen()
    const row = await this.#thread.ask('get', { kind, id })
    return row === undefined ? undefined : entryOf(row)
  }

  async snapshot(kind?: string) {
    this.#mustBeOpen()
    const { revision, entries: rows } = await this.#thread.ask('snapshot', kind)
    const entries: Entry[] = []
    for (let at = 0; at < rows.length; at += slice) {
      if (at > 0) await new Promise<void>((resolve) => setImmediate(resolve))
      for (const row of rows.slice(at, at + slice)) entries.push(entryOf(row))
    }
    return { revision, entries }
  }

  async claims(prefix: string) {
    this.#mustBeOpen()
    return this.#thread.ask('claims', prefix)
  }

  async commit(changes: readonly Change[]): Promise<{ readonly revision: number }> {
    this.#mustBeOpen()
    const written = writtenChanges(changes)
    if (this.#waiting.length >= limits.commitsWaiting)
      throw new Problem('store/busy', { waiting: this.#waiting.length })
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: written, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  async *watch(afterRevision: number, signal: AbortSignal): AsyncIterable<Commit> {
    const ending = AbortSignal.any([signal, this.#closing.signal])
    let at = afterRevision
    while (!signal.aborted) {
      this.#mustBeOpen()
      for (const commit of await this.#after(at)) {
        if (signal.aborted) return
        yield commit
        at = commit.revision
      }
      await this.#feed.moved(at, ending)
    }
  }

  async compact(throughRevision: number) {
    this.#mustBeOpen()
    this.#forget(await this.#thread.ask('compact', throughRevision))
  }

  async revision() {
    this.#mustBeOpen()
    return this.#feed.revision
  }

  health(): StoreHealth {
    if (this.#closing.signal.aborted) return { state: 'closed', why: 'closed' }
    const waitedMs = this.#thread.waitedMs()
    if (waitedMs < slowMs) return this.#health
    return { state: 'failing', why: `the disk has not answered for ${Math.round(waitedMs / 1000)} s` }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close() {
    this.#closing.abort()
    clearTimeout(this.#probing)
    await this.#working
    try {
      await this.#thread.ask('close', undefined)
    } finally {
      await this.#thread.end()
    }
  }

  async #after(at: number): Promise<readonly Commit[]> {
    if (at < this.#forgotten) throw new Problem('store/compacted', { revision: at })
    if (at >= this.#feed.forgotten) return this.#feed.after(at, feedCommits).map(({ read }) => read())
    return (await this.#thread.ask('history', at)).map(commitOf)
  }

  /** Makes durable what waits, batch after batch, until nothing does. */
  async #work() {
    // A turn of the loop first: those just acknowledged, or about to ask, go into this batch.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const batch = this.#next()
      try {
        const { outcomes, forgotten } = await this.#thread.ask(
          'commit',
          batch.map(({ changes }) => changes),
        )
        this.#settle(batch, outcomes)
        this.#forget(forgotten)
        this.#recovered()
      } catch (error) {
        this.#failed(error)
        for (const { reject } of batch) reject(error)
      }
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.#working = undefined
  }

  #next(): readonly Waiting[] {
    let bytes = 0
    const most = Math.min(this.#waiting.length, batchCommits)
    let count = 0
    while (count < most && (count === 0 || bytes < batchBytes)) {
      bytes += bytesOf(this.#waiting[count]?.changes ?? [])
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  #settle(batch: readonly Waiting[], outcomes: readonly Outcome[]) {
    for (const [index, outcome] of outcomes.entries()) {
      const waiting = batch[index]
      if (waiting === undefined) continue
      if ('problem' in outcome) {
        waiting.reject(new Problem(outcome.problem.code, outcome.problem.facts))
        continue
      }
      this.#feed.push({ revision: outcome.revision, read: reader(waiting.changes, outcome) })
      waiting.resolve({ revision: outcome.revision })
    }
  }

  #forget(through: number) {
    this.#forgotten = through
    this.#feed.forget(through)
  }

  #failed(error: unknown) {
    const isFull = error instanceof Problem && error.code === 'store/full'
    const why = error instanceof Error ? error.message : String(error)
    this.#health = { state: isFull ? 'full' : 'failing', why }
    if (this.#closing.signal.aborted) return
    clearTimeout(this.#probing)
    this.#probing = setTimeout(() => void this.#probe(), probeMs).unref()
  }

  #recovered() {
    clearTimeout(this.#probing)
    this.#health = { state: 'ok', why: '' }
  }

  async #probe() {
    try {
      await this.#thread.ask('probe', undefined)
      this.#recovered()
    } catch (error) {
      this.#failed(error)
    }
  }

  #mustBeOpen() {
    if (this.#closing.signal.aborted) throw new Problem('store/failing', { why: 'the store is closed' })
  }
}

const entryOf = ({ kind, id, revision, value }: EntryRow): Entry =>
  Object.freeze({ kind, id, revision, value: frozenFrom(value) })

const bytesOf = (changes: readonly WrittenChange[]) =>
  changes.reduce((bytes, change) => bytes + (change.op === 'put' ? change.text.length : 100), 0)

/** The commit as watchers see it, made when the first of them asks. */
function reader(
  changes: readonly WrittenChange[],
  { revision, idle }: { readonly revision: number; readonly idle: readonly number[] },
): () => Commit {
  let commit: Commit | undefined
  return () => (commit ??= Object.freeze({ revision, changes: Object.freeze(madeOf(changes, idle)) }))
}

const madeOf = (changes: readonly WrittenChange[], idle: readonly number[]) =>
  changes.flatMap((change, index) => {
    if ('claim' in change || idle.includes(index)) return []
    const value = change.op === 'put' ? frozenFrom(change.text) : undefined
    return [Object.freeze({ kind: change.kind, id: change.id, value })]
  })

function commitOf({ revision, changes }: HistoryRow): Commit {
  const made = frozenFrom(changes) as readonly {
    readonly kind: string
    readonly id: string
    readonly value?: Json
  }[]
  return { revision, changes: made.map(({ kind, id, value }) => ({ kind, id, value })) }
}
