/** The order in which objects are made: what one names comes before it, as their kinds declare references. Pure. */

import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { referenceFrom } from '#model/reference.ts'

type Named = {
  readonly kind: Kind
  readonly name: string
  readonly project: string | undefined
  readonly wish: { readonly spec?: unknown }
}

/** Every text at a path, `[]` for each member of a list. */
function textsAt(value: unknown, [first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return typeof value === 'string' ? [value] : []
  if (first === '[]') return Array.isArray(value) ? value.flatMap((one) => textsAt(one, rest)) : []
  return isObject(value) && Object.hasOwn(value, first) ? textsAt(value[first], rest) : []
}

function needs(item: Named, other: Named): boolean {
  if (other.kind.name === 'project') return item.kind.scope === 'project' && item.project === other.name
  return Object.entries(item.kind.references).some(
    ([path, kind]) =>
      kind === other.kind.name &&
      textsAt(item.wish.spec, path.split('.')).some((text) => referenceFrom(text).name === other.name),
  )
}

/** The same items; those that wait for each other in a circle stay in the order in which they came. */
export function inOrder<Item extends Named>(items: readonly Item[]): Item[] {
  const placed = new Set<Item>()
  const underWay = new Set<Item>()
  const place = (item: Item) => {
    if (placed.has(item) || underWay.has(item)) return
    underWay.add(item)
    for (const other of items) if (other !== item && needs(item, other)) place(other)
    placed.add(item)
  }
  for (const item of items) place(item)
  return [...placed]
}
