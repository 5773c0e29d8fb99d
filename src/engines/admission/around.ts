/** What admission may look at: plain look-ups and facts, all true at one moment. */

import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import type { Find } from '#model/reference.ts'
import type { Usage } from './usage.ts'

export type Around = {
  readonly kinds: readonly Kind[]
  readonly find: Find
  readonly get: (kind: string, id: string) => Document | undefined
  readonly all: (kind: string) => Iterable<Document>
  /** What a project takes now, by what is stored. */
  readonly usage: (project: string) => Usage
  readonly nowMs: number
  readonly newId: () => string
}

/** What admission decided: one document before and after. */
export type Admitted = {
  readonly kind: Kind
  readonly before: Document | undefined
  /** Null: gone with the commit. */
  readonly after: Document | null
  /** False when the wish is as it was: there is nothing to store. */
  readonly isChanged: boolean
}

export const kindOf = ({ kinds }: Around, name: string): Kind | undefined =>
  kinds.find((kind) => kind.name === name)

/** A document as the methods of its kind take it: what is stored has passed the kind's schema. */
export type Typed = Document<Record<string, unknown>, Record<string, unknown>>
export const typed = (document: Document) => document as Typed
