/**
 * A copy of the store's documents in memory, kept true by its watch: what the API reads and the
 * reconcilers observe. A commit made here is seen here before its promise resolves.
 */

import type { Json } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import type { Change, Commit, Store } from '#drivers/store/port.ts'
import { formerChange } from './former.ts'

export type Seen = {
  readonly kind: string
  readonly id: string
  readonly before: Stored | undefined
  readonly after: Stored | undefined
  readonly revision: number
}

type Index = {
  readonly kind: string
  readonly key: (document: Document) => readonly string[]
  readonly ids: Map<string, Set<string>>
}

export class Replica {
  readonly #store: Store
  readonly #kinds: ReadonlySet<string>
  readonly #documents = new Map<string, Map<string, Stored>>()
  readonly #names = new Map<string, string>()
  readonly #indexes = new Map<string, Index>()
  readonly #indexesOf = new Map<string, Index[]>()
  readonly #listeners = new Set<(seen: readonly Seen[]) => void>()
  readonly #waiting: {
    readonly revision: number
    readonly resolve: () => void
    readonly reject: (why: unknown) => void
  }[] = []
  #revision = 0
  #broken: unknown

  /** `kinds`: those whose entries are documents; other entries of the store are not kept here. */
  constructor(store: Store, kinds: readonly string[]) {
    this.#store = store
    this.#kinds = new Set(kinds)
    for (const kind of kinds) this.#documents.set(kind, new Map())
  }

  get revision() {
    return this.#revision
  }

  /** Ids by a key of the document; call before `start`. */
  index(name: string, kind: string, key: (document: Document) => readonly string[]) {
    const index: Index = { kind, key, ids: new Map() }
    this.#indexes.set(name, index)
    this.#indexesOf.set(kind, [...(this.#indexesOf.get(kind) ?? []), index])
  }

  async start(signal: AbortSignal): Promise<void> {
    const { revision, entries } = await this.#store.snapshot()
    for (const entry of entries) this.#put(entry.kind, entry.id, entry.revision, entry.value)
    this.#revision = revision
    void this.#follow(signal)
  }

  get(kind: string, id: string): Stored | undefined {
    return this.#documents.get(kind)?.get(id)
  }

  find(kind: string, project: string | null, name: string): Stored | undefined {
    const id = this.#names.get(nameKey(kind, project, name))
    return id === undefined ? undefined : this.get(kind, id)
  }

  all(kind: string): Iterable<Stored> {
    return this.#documents.get(kind)?.values() ?? []
  }

  count(kind: string): number {
    return this.#documents.get(kind)?.size ?? 0
  }

  by(index: string, key: string): Stored[] {
    const { kind, ids } = this.#indexes.get(index) ?? { kind: '', ids: new Map<string, Set<string>>() }
    return [...(ids.get(key) ?? [])].flatMap((id) => this.get(kind, id) ?? [])
  }

  /** Commits to the store and waits until this copy has it too. */
  async commit(changes: readonly Change[]): Promise<{ revision: number }> {
    const former = formerChange(changes, (kind, id) => this.get(kind, id))
    const { revision } = await this.#store.commit([...changes, ...former])
    await this.reached(revision)
    return { revision }
  }

  async reached(revision: number): Promise<void> {
    if (this.#broken !== undefined)
      throw new Problem('store/failing', { why: 'the watch of the store ended' }, { cause: this.#broken })
    if (this.#revision >= revision) return
    await new Promise<void>((resolve, reject) => this.#waiting.push({ revision, resolve, reject }))
  }

  /** Calls back after each commit with all that it changed. Must not throw. */
  onChange(call: (seen: readonly Seen[]) => void): () => void {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  async #follow(signal: AbortSignal) {
    try {
      for await (const commit of this.#store.watch(this.#revision, signal)) this.#take(commit)
    } catch (error) {
      this.#broken = error
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    }
  }

  #take({ revision, changes }: Commit) {
    const seen = changes
      .filter(({ kind }) => this.#kinds.has(kind))
      .map(({ kind, id, value }) => {
        const before = this.get(kind, id)
        this.#put(kind, id, revision, value)
        return { kind, id, before, after: this.get(kind, id), revision }
      })
    this.#revision = revision
    if (seen.length > 0) for (const listener of this.#listeners) listener(seen)
    for (let at = this.#waiting.length - 1; at >= 0; at--) {
      const waiting = this.#waiting[at]
      if (waiting === undefined || waiting.revision > revision) continue
      this.#waiting.splice(at, 1)
      waiting.resolve()
    }
  }

  #put(kind: string, id: string, revision: number, value: Json | undefined) {
    const documents = this.#documents.get(kind)
    if (documents === undefined) return
    const before = documents.get(id)
    if (before !== undefined) this.#unlink(before.document)
    if (value === undefined) {
      documents.delete(id)
      return
    }
    const document = value as unknown as Document
    documents.set(id, { document, revision })
    this.#names.set(nameKey(kind, document.project, document.name), id)
    for (const index of this.#indexesOf.get(kind) ?? []) {
      for (const key of index.key(document)) {
        const ids = index.ids.get(key) ?? new Set()
        index.ids.set(key, ids.add(id))
      }
    }
  }

  #unlink(document: Document) {
    const name = nameKey(document.kind, document.project, document.name)
    // Within one commit another may have taken the name already.
    if (this.#names.get(name) === document.id) this.#names.delete(name)
    for (const index of this.#indexesOf.get(document.kind) ?? []) {
      for (const key of index.key(document)) {
        const ids = index.ids.get(key)
        ids?.delete(document.id)
        if (ids?.size === 0) index.ids.delete(key)
      }
    }
  }
}

const nameKey = (kind: string, project: string | null, name: string) => `${kind}/${project ?? ''}/${name}`
