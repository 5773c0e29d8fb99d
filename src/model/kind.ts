/**
 * A kind is declared once, as data. The API, the client, the command line, the forms and the
 * reference are readings of that declaration; none of them names a kind.
 */

import type { z } from 'zod'
import type { Role } from './access.ts'
import type { Document } from './document.ts'
import type { Reason } from './plan.ts'
import type { Sentence } from './sentence.ts'

// Methods, not function properties: a registry of kinds forgets their types, and only methods may be
// compared that loosely. It is safe because a kind is handed nothing that its schema has not parsed.
export type Verb<Spec = unknown, Status = unknown> = {
  readonly summary: string
  readonly title: Sentence
  readonly role: Role
  /** What the caller may say with it; an object schema. */
  readonly input?: z.ZodObject
  /** What is lost by it, for the question before it; absent for what can be taken back. */
  readonly loses?: Sentence
  /** Says why the verb is refused now, or nothing when it is allowed. */
  refusal?(document: Document<Spec, Status>): Reason | undefined
  /** A verb is an edit of the wish; the planner does the rest. Repeating it changes nothing. */
  edit(document: Document<Spec, Status>, input: Readonly<Record<string, unknown>>): Spec
  /** For `--wait`: whether the wish of this verb has come true. */
  done(document: Document<Spec, Status>): boolean
}

/** An act of the moment: delivered at most once, audited, never stored as a wish. */
export type Signal<Spec = unknown, Status = unknown> = {
  readonly summary: string
  readonly title: Sentence
  readonly role: Role
  readonly input?: z.ZodObject
  readonly loses?: Sentence
  refusal?(document: Document<Spec, Status>): Reason | undefined
}

/** Something to look at that is not JSON, fetched from the host at that moment. */
export type Look = {
  readonly summary: string
  readonly title: Sentence
  readonly role: Role
  readonly mediaType: string
}

export type Column = {
  readonly title: Sentence
  readonly path: string
  readonly as?: 'age' | 'MiB' | 'bytes'
}

export type Kind<Spec extends z.ZodObject = z.ZodObject, Status extends z.ZodObject = z.ZodObject> = {
  readonly name: string
  readonly plural: string
  readonly title: Sentence
  readonly summary: string
  readonly scope: 'project' | 'pool'
  /** Version of the stored form. Raise it together with a function in `history.ts`. */
  readonly version: number
  /** The least role that reads, and that creates, edits and deletes. `system`: only Decant itself. */
  readonly access: { readonly read: Role; readonly write: Role | 'system' }
  readonly spec: Spec
  readonly status: Status
  /** Fields of the spec, by dotted path, that stay as they were created. */
  readonly fixed: readonly string[]
  /** Numbers of the spec, by dotted path, that may be raised but never lowered. */
  readonly growing?: readonly string[]
  /**
   * Texts of the spec, by dotted path (`[]` for each), that are written and never read again: in every answer,
   * event and record a mark stands for them, and a mark written back keeps what is there (I-45).
   */
  readonly secrets?: readonly string[]
  /** Paths of the spec below which texts may have several lines: scripts and files for a guest. */
  readonly lines?: readonly string[]
  /** Fields of the spec that name an object of another kind: dotted path (`[]` for each) → kind. */
  readonly references: Readonly<Record<string, string>>
  /** The wish with what people need not say, such as names of parts; `before`: as it was, if it was. */
  completed?(spec: z.output<Spec>, before: z.output<Spec> | undefined): z.output<Spec>
  /** `planned`: deletion is a wish that a planner carries out; `at-once`: it is gone with the commit. */
  readonly deletion: 'planned' | 'at-once'
  /** Columns of the default table, after the name. */
  readonly columns: readonly Column[]
  readonly verbs: Readonly<Record<string, NoInfer<Verb<z.output<Spec>, z.output<Status>>>>>
  readonly signals: Readonly<Record<string, NoInfer<Signal<z.output<Spec>, z.output<Status>>>>>
  readonly looks: Readonly<Record<string, Look>>
  /** For `--wait` after create or apply: whether the object is as wished. */
  isReady(document: Document<z.output<Spec>, z.output<Status>>): boolean
  /** Why waiting on is in vain, or nothing: an import that failed, say. */
  hasFailed?(document: Document<z.output<Spec>, z.output<Status>>): Reason | undefined
}

export const defineKind = <Spec extends z.ZodObject, Status extends z.ZodObject>(kind: Kind<Spec, Status>) =>
  Object.freeze(kind)
