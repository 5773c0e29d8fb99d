/**
 * A store in memory, for the simulator and for tests. It moves by microtasks only, so that a run under
 * virtual time is the same every time. What it keeps is a disk that outlives the store opened on it.
 */

import type { Json } from '#base/json.ts'
import { compare } from '#base/order.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { writtenChanges, type WrittenChange } from '../../ground/changes.ts'
import { Feed } from '../../ground/feed.ts'
import { frozenFrom } from '../../ground/frozen.ts'
import type { Change, Commit, Entry, Store, StoreHealth } from '../port.ts'

/** What survives the crash of a program that uses a memory store. */
export type MemoryDisk = {
  readonly entries: Map<string, Map<string, Entry>>
  readonly claims: Map<string, string>
  readonly history: Feed<Commit>
}

export type MemoryStoreOptions = {
  readonly disk?: MemoryDisk
  /** Called before each commit; a problem that it throws is the answer, and nothing changes. */
  readonly beforeCommit?: (changes: readonly Change[]) => void
  /** Commits kept for watchers. */
  readonly keep?: number
}

export const memoryDisk = (keep: number = limits.watchHistoryChanges): MemoryDisk => ({
  entries: new Map(),
  claims: new Map(),
  history: new Feed<Commit>({ revision: 0, keep }),
})

export const memoryStore = (options: MemoryStoreOptions = {}): Store =>
  new MemoryStore(options.disk ?? memoryDisk(options.keep), options.beforeCommit)

class MemoryStore implements Store {
  readonly name = 'memory'
  readonly #disk: MemoryDisk
  readonly #beforeCommit: ((changes: readonly Change[]) => void) | undefined
  readonly #closing = new AbortController()

  constructor(disk: MemoryDisk, beforeCommit?: (changes: readonly Change[]) => void) {
    this.#disk = disk
    this.#beforeCommit = beforeCommit
  }

  async get(kind: string, id: string): Promise<Entry | undefined> {
    this.#mustBeOpen()
    return this.#disk.entries.get(kind)?.get(id)
  }

  async snapshot(kind?: string) {
    this.#mustBeOpen()
    const { entries, history } = this.#disk
    const tables =
      kind === undefined ? [...entries.values()] : [entries.get(kind) ?? new Map<string, Entry>()]
    return { revision: history.revision, entries: tables.flatMap((table) => [...table.values()]) }
  }

  async claims(prefix: string) {
    this.#mustBeOpen()
    return [...this.#disk.claims]
      .filter(([claim]) => claim.startsWith(prefix))
      .map(([claim, holder]) => ({ claim, holder }))
      .toSorted((a, b) => compare(a.claim, b.claim))
  }

  async commit(changes: readonly Change[]): Promise<{ readonly revision: number }> {
    this.#mustBeOpen()
    const written = writtenChanges(changes)
    this.#beforeCommit?.(changes)
    const revision = this.#disk.history.revision + 1
    const made = attempt(this.#disk, written, revision)
    this.#disk.history.push(Object.freeze({ revision, changes: Object.freeze(made) }))
    return { revision }
  }

  async *watch(afterRevision: number, signal: AbortSignal): AsyncIterable<Commit> {
    const { history } = this.#disk
    const ending = AbortSignal.any([signal, this.#closing.signal])
    let at = afterRevision
    while (!signal.aborted) {
      this.#mustBeOpen()
      if (at < history.forgotten) throw new Problem('store/compacted', { revision: at })
      for (const commit of history.after(at, 64)) {
        yield commit
        at = commit.revision
        if (signal.aborted) return
      }
      await history.moved(at, ending)
    }
  }

  async compact(throughRevision: number) {
    this.#mustBeOpen()
    this.#disk.history.forget(throughRevision)
  }

  async revision() {
    this.#mustBeOpen()
    return this.#disk.history.revision
  }

  health(): StoreHealth {
    return this.#closing.signal.aborted ? { state: 'closed', why: 'closed' } : { state: 'ok', why: '' }
  }

  async close() {
    this.#closing.abort()
  }

  #mustBeOpen() {
    if (this.#closing.signal.aborted) throw new Problem('store/failing', { why: 'the store is closed' })
  }
}

type Made = { readonly kind: string; readonly id: string; readonly value: Json | undefined }

/** Makes all changes or, when one is refused, none. */
function attempt(disk: MemoryDisk, changes: readonly WrittenChange[], revision: number): Made[] {
  const made: Made[] = []
  const undo: (() => void)[] = []
  try {
    for (const change of changes) {
      if ('claim' in change) turnClaim(disk.claims, change, undo)
      else turnEntry(disk, change, { revision, made, undo })
    }
    return made
  } catch (refusal) {
    for (const step of undo.toReversed()) step()
    throw refusal
  }
}

type ClaimChange = Extract<WrittenChange, { readonly claim: string }>
type EntryChange = Exclude<WrittenChange, ClaimChange>

function turnClaim(claims: Map<string, string>, change: ClaimChange, undo: (() => void)[]) {
  const { op, claim, holder } = change
  const current = claims.get(claim)
  if (op === 'release') {
    if (current !== holder) return
    claims.delete(claim)
    undo.push(() => claims.set(claim, holder))
    return
  }
  if (current === holder) return
  if (current !== undefined) throw new Problem('store/claimed', { claim, holder: current })
  claims.set(claim, holder)
  undo.push(() => claims.delete(claim))
}

type Turn = { readonly revision: number; readonly made: Made[]; readonly undo: (() => void)[] }

function turnEntry(disk: MemoryDisk, change: EntryChange, { revision, made, undo }: Turn) {
  const { kind, id } = change
  const table = disk.entries.get(kind) ?? new Map<string, Entry>()
  disk.entries.set(kind, table)
  const current = table.get(id)
  if (change.expect !== undefined && change.expect !== (current?.revision ?? 0))
    throw new Problem('store/conflict', { kind, id })
  if (change.op === 'check' || (change.op === 'remove' && current === undefined)) return
  undo.push(() => (current === undefined ? table.delete(id) : table.set(id, current)))
  const value = change.op === 'put' ? frozenFrom(change.text) : undefined
  if (value === undefined) table.delete(id)
  else table.set(id, Object.freeze({ kind, id, revision, value }))
  made.push(Object.freeze({ kind, id, value }))
}
