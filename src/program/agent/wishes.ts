/**
 * The wishes an agent was given, kept on its own disk: it carries them out also while the controller is
 * away. A wish that the store forgot is kept, unclaimed, and nothing is removed for it (I-22).
 */

import { isObject, type Json } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Down } from '#drivers/link/port.ts'
import type { Notebook } from '#drivers/notebook/port.ts'

export type Wished = Document<Record<string, unknown>> & {
  readonly resolved?: Readonly<Record<string, string | null>>
  /** Keys by name: secrets that never leave this host. */
  readonly keys?: unknown
  /** The same, sealed by the controller for itself. */
  readonly sealed?: unknown
  /** Who is on a network or in a group, as the controller counted them. */
  readonly census?: unknown
}

export type Wish = { readonly revision: number; readonly isClaimed: boolean; readonly document: Wished }

export class Wishes {
  readonly #notebook: Notebook
  readonly #wishes = new Map<string, Wish>()
  /** Done with, and still to be dropped, by `kind/id`. */
  readonly #over = new Set<string>()
  readonly #turns = new Map<string, Promise<void>>()
  readonly #onChange: (kind: string, id: string) => void

  constructor(notebook: Notebook, onChange: (kind: string, id: string) => void) {
    this.#notebook = notebook
    this.#onChange = onChange
    for (const key of notebook.keys('wish')) {
      const wish = notebook.get(key) as unknown as Wish
      this.#wishes.set(keyOf(wish.document), wish)
    }
  }

  get(kind: string, id: string): Wish | undefined {
    return this.#wishes.get(`${kind}/${id}`)
  }

  of(kind: string): Wish[] {
    return [...this.#wishes.values()].filter(({ document }) => document.kind === kind)
  }

  /** What to tell a controller that we have; unclaimed ones too, so that it may claim them again. */
  have(): Record<string, number> {
    return Object.fromEntries(
      [...this.#wishes].map(([key, { revision, isClaimed }]) => [key, isClaimed ? revision : -1]),
    )
  }

  /** Takes in what came down; what comes for one document is taken in the order in which it came. */
  async take(down: Extract<Down, { say: 'wish' | 'forget' }>): Promise<void> {
    if (down.say === 'forget')
      return await this.#inTurn(`${down.kind}/${down.id}`, () => this.#unclaim(down.kind, down.id))
    const document = wishedFrom(down.wish.document)
    if (document === undefined) return
    const { revision } = down.wish
    await this.#inTurn(keyOf(document), () => this.#takeWish(revision, document))
  }

  /** Whether the document is done with: nothing is left of it here, and the store knows. */
  isOver(kind: string, id: string): boolean {
    return this.#over.has(`${kind}/${id}`)
  }

  /** Forgets a document that is done with. The wish itself goes last, so that a crash leads here again. */
  async drop(kind: string, id: string): Promise<void> {
    await this.#inTurn(`${kind}/${id}`, async () => {
      if (!this.isOver(kind, id)) return
      const notes = notesOf(kind, id)
      for (const key of [...notes, `wish/${kind}/${id}`]) await this.#notebook.remove(key)
      this.#wishes.delete(`${kind}/${id}`)
      this.#over.delete(`${kind}/${id}`)
    })
  }

  /** Forgets a document that the store no longer knows and that nothing here hangs on. */
  async discard(kind: string, id: string): Promise<void> {
    await this.#inTurn(`${kind}/${id}`, async () => {
      if (this.get(kind, id)?.isClaimed !== false) return
      await this.#notebook.remove(`wish/${kind}/${id}`)
      this.#wishes.delete(`${kind}/${id}`)
    })
  }

  async #takeWish(revision: number, document: Wished) {
    const before = this.#wishes.get(keyOf(document))
    // Late and repeated words: only a newer wish counts. A restored store may count from lower numbers,
    // but then it has first said that it does not know the document.
    if (before !== undefined && before.isClaimed && before.revision >= revision) return
    this.#over.delete(keyOf(document))
    await this.#keep({ revision, isClaimed: true, document: withKeys(document, before?.document) })
  }

  async #unclaim(kind: string, id: string) {
    const wish = this.get(kind, id)
    if (wish === undefined) return
    if (isOver(wish.document)) {
      // Its own loop drops it: a round that is under way would write notes anew.
      this.#over.add(`${kind}/${id}`)
      this.#onChange(kind, id)
    } else if (wish.isClaimed) await this.#keep({ ...wish, isClaimed: false })
  }

  async #inTurn(key: string, work: () => Promise<void>) {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work, work)
    this.#turns.set(key, turn)
    await turn.finally(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key)
    })
  }

  async #keep(wish: Wish) {
    const { kind, id } = wish.document
    await this.#notebook.put(`wish/${kind}/${id}`, wish as unknown as Json)
    this.#wishes.set(`${kind}/${id}`, wish)
    this.#onChange(kind, id)
  }
}

const notesOf = (kind: string, id: string) =>
  kind === 'guest' ? [`guest/${id}`, `ports/${id}`] : kind === 'snapshot' ? [`snapshot/${id}`] : []

/** Whether being forgotten is the end, not a stray: the last wish was to be gone, or there is nothing to lose. */
const isOver = ({ kind, deletingAtMs, spec }: Wished) =>
  deletingAtMs !== null || spec.power === 'gone' || kind === 'datastore'

/** A store that was lost knows no keys any more; what opens a volume is not forgotten for that (I-22). */
const withKeys = (document: Wished, before: Wished | undefined): Wished => ({
  ...(before?.keys === undefined ? {} : { keys: before.keys }),
  ...(before?.sealed === undefined ? {} : { sealed: before.sealed }),
  ...document,
})

const keyOf = ({ kind, id }: Wished) => `${kind}/${id}`

function wishedFrom(value: Json): Wished | undefined {
  if (
    !isObject(value) ||
    typeof value.kind !== 'string' ||
    typeof value.id !== 'string' ||
    !isObject(value.spec)
  )
    return undefined
  return /^[a-z-]{1,32}$/.test(value.kind) && /^[0-9a-f-]{36}$/.test(value.id)
    ? (value as unknown as Wished)
    : undefined
}
