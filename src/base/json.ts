/** Plain JSON values: one way to write them, to compare them and to reach into them. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export type JsonObject = { readonly [name: string]: Json }

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

type Fields = Readonly<Record<string, unknown>>

/** A field of its own: every object seems to have one called `constructor`. */
const own = (value: Fields, name: string) => (Object.hasOwn(value, name) ? value[name] : undefined)

/** JSON text with sorted names, so that equal values have equal texts (RFC 8785 in spirit). */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isObject(value)) return JSON.stringify(value) ?? 'null'
  const parts = Object.keys(value)
    .toSorted()
    .filter((name) => value[name] !== undefined)
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
  return `{${parts.join(',')}}`
}

/** Whether two values have one canonical text. Found out without writing it: loops ask this all the time. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item, b[index]))
  if (isObject(a) && isObject(b)) return hasFieldsOf(a, b) && hasFieldsOf(b, a, () => true)
  return canonical(a) === canonical(b)
}

/** Whether each field of one is alike in the other; a field without a value is none. */
function hasFieldsOf(one: Fields, other: Fields, alike = same): boolean {
  for (const name of Object.keys(one)) {
    if (one[name] === undefined) continue
    const there = own(other, name)
    if (there === undefined || !alike(one[name], there)) return false
  }
  return true
}

/** The value at a dotted path, such as `status.guest.pid`; nothing where the path ends early. */
export function at(value: unknown, path: string): unknown {
  let here = value
  for (const name of path.split('.')) {
    if (Array.isArray(here)) here = here[Number(name)]
    else if (isObject(here) && Object.hasOwn(here, name)) here = here[name]
    else return undefined
  }
  return here
}

/** Applies a JSON merge patch (RFC 7396): null removes, objects merge, all else replaces. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else Object.defineProperty(result, name, field(merged(own(result, name), value)))
  }
  return result
}

// Defined, not assigned: a field called __proto__ must stay a field.
const field = (value: unknown) => ({ value, enumerable: true, writable: true, configurable: true })

export type Difference = { readonly path: string; readonly before: unknown; readonly after: unknown }

/** Every leaf in which two values differ, with its dotted path, in order of the paths. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (same(before, after) && (before === undefined) === (after === undefined)) return []
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }]
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()
  return names.flatMap((name) =>
    differences(own(before, name), own(after, name), path === '' ? name : `${path}.${name}`),
  )
}
