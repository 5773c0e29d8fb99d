/** A rule that a whole wish must keep, however it came to be: created, replaced, patched, by a verb, from a file (I-43). */

import type { Document } from '#model/document.ts'
import type { Around } from './around.ts'

export type Asked<Spec> = {
  readonly document: Document<Spec>
  readonly spec: Spec
  /** As it was; nothing when it is new. */
  readonly before: Spec | undefined
  readonly around: Around
}

export type Rule<Spec> = {
  readonly name: string
  /** Throws the problem, with the field at fault. */
  check(asked: Asked<Spec>): void
}
