/** What people may send of an object, and what is only Decant's to write. */

import { z } from 'zod'
import { isObject, merged, same } from '#base/json.ts'
import { Description, Labels, Name, type Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { checkTexts, read } from './fields.ts'

/** The part of a document that is a wish. */
export type Wish = Pick<Document, 'labels' | 'description' | 'isProtected' | 'spec'>

export const written = ['labels', 'description', 'isProtected', 'spec'] as const

/** Fields that name the object; they may be said again, never changed. */
const naming = ['kind', 'name', 'project', 'id'] as const

/** Fields that Decant writes. In a whole document they are ignored, so that what was read can be sent back. */
export const readOnly = [
  'status',
  'generation',
  'version',
  'revision',
  'createdAtMs',
  'deletingAtMs',
  'owner',
  'host',
] as const

const ignored = Object.fromEntries(readOnly.map((name) => [name, z.unknown().optional()]))

export const Sent = z.strictObject({
  kind: z.string().optional(),
  id: z.string().optional(),
  name: Name.optional(),
  project: Name.nullable().optional(),
  labels: Labels.default({}),
  description: Description.default(''),
  isProtected: z.boolean().default(false),
  spec: z.unknown().optional(),
  ...ignored,
})

/** Reads a whole document as sent. */
export function wishFrom(kind: Kind, body: unknown): Wish & { name?: string; project?: string | null } {
  const sent = read(Sent, body)
  if (sent.kind !== undefined && sent.kind !== kind.name) throw fixed('kind')
  const { name, project, labels, description, isProtected } = sent
  return {
    ...(name === undefined ? {} : { name }),
    ...(project === undefined ? {} : { project }),
    labels,
    description,
    isProtected,
    spec: specFrom(kind, sent.spec ?? {}),
  }
}

export function specFrom(kind: Kind, value: unknown): unknown {
  const spec = read(kind.spec, value, 'spec')
  checkTexts(
    spec,
    'spec',
    kind.lines?.map((path) => `spec.${path}`),
  )
  return spec
}

/** The wish after a merge patch (RFC 7396). */
export function patchedWish(kind: Kind, before: Document, patch: unknown): Wish {
  if (!isObject(patch)) throw new Problem('request/malformed', { why: 'a merge patch is a JSON object' })
  for (const field of [...naming, ...readOnly]) {
    const isTouched = Object.hasOwn(patch, field) && !same(patch[field], Reflect.get(before, field))
    if (isTouched) throw fixed(field)
  }
  const rest = Object.fromEntries(Object.entries(patch).filter(([name]) => !isNaming(name)))
  const { labels, description, isProtected, spec } = before
  return wishFrom(kind, merged({ labels, description, isProtected, spec }, rest))
}

const isNaming = (name: string) => [...naming, ...readOnly].some((field) => field === name)

export const fixed = (field: string) => new Problem('object/fixed', { field }, { field })
