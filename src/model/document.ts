/** An object as it is stored and sent: the wish (`spec`), what is (`status`), and the words about it. */

import { z } from 'zod'
import { limits } from './limits.ts'

export const Name = z
  .string()
  .regex(
    new RegExp(`^[a-z0-9]([a-z0-9-]{0,${limits.nameChars - 2}}[a-z0-9])?$`),
    'must be lower-case letters, digits and hyphens, start and end with a letter or digit, at most 63',
  )
  .meta({ title: 'Name', description: 'A DNS label, unique within its kind and project' })

const LabelKey = z.string().regex(/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/)
const LabelValue = z.string().regex(/^[A-Za-z0-9]?([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/)

export const Labels = z
  .record(LabelKey, LabelValue)
  .refine((labels) => Object.keys(labels).length <= limits.labelsPerObject, 'too many labels')

/** Text that people write for people. Control characters are refused, line breaks allowed. */
export const Description = z
  .string()
  .max(limits.descriptionChars)
  .refine(
    (text) =>
      !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text) &&
      text.isWellFormed(),
    'must not hold control characters',
  )

export const Id = z.uuid()

export type Metadata = {
  readonly kind: string
  readonly id: string
  readonly name: string
  /** Null for what belongs to the whole pool. */
  readonly project: string | null
  /** Rises by one with each change of the wish (spec, labels, description, protection). */
  readonly generation: number
  /** Version of the stored form; `history.ts` of the kind lifts older ones. */
  readonly version: number
  readonly createdAtMs: number
  readonly labels: Readonly<Record<string, string>>
  readonly description: string
  /** While true, delete is refused. */
  readonly isProtected: boolean
  /** Set once deletion is wished; the object goes when all that hangs on it is gone. */
  readonly deletingAtMs: number | null
  /** Id of the object that this one serves and goes with. */
  readonly owner: string | null
  /** Name of the host whose agent carries it out. Null: none, or not chosen yet. */
  readonly host: string | null
}

export type Document<Spec = unknown, Status = unknown> = Metadata & {
  readonly spec: Spec
  readonly status: Status
}

/** A document with the store's revision of its last change. */
export type Stored<D = Document> = { readonly document: D; readonly revision: number }
