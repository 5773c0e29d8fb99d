/** Fields of a wish that only Decant writes: kept as they are in a whole document, refused in a patch. Pure. */

import { at, same } from '#base/json.ts'
import { fixed } from './wish.ts'

/** Set by verbs and planners. */
const ours: Readonly<Record<string, readonly string[]>> = {
  machine: ['revert'],
  volume: ['revert', 'disk'],
}

/** The wish with these fields as they were; none in something new. */
export function withOurs(kind: string, before: unknown, spec: unknown): unknown {
  const fields = ours[kind]
  if (fields === undefined) return spec
  const kept = fields.map((field) => [field, at(before, field) ?? null])
  return { ...(spec as object), ...Object.fromEntries(kept) }
}

/** Refuses a patch that says otherwise. */
export function checkOurs(kind: string, before: unknown, spec: unknown): void {
  for (const field of ours[kind] ?? [])
    if (!same(at(before, field) ?? null, at(spec, field) ?? null)) throw fixed(`spec.${field}`)
}
