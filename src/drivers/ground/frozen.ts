/** JSON that nobody can change behind another's back. */

import type { Json } from '#base/json.ts'

/** A private copy of a text's value, frozen to its leaves. */
export const frozenFrom = (text: string): Json => freeze(JSON.parse(text) as Json)

function freeze(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  for (const inner of Array.isArray(value) ? value : Object.values(value)) freeze(inner)
  return Object.freeze(value)
}
