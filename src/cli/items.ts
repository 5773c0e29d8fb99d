/** Members of lists in one word: `size=10GiB,bus=scsi`. Keys are those of the flags; a key may come again for a list. */

import { isObject } from '#base/json.ts'
import { flagName, scalarFrom } from './scalars.ts'
import { isScalar, plain, type Schema } from './schema.ts'

type Key = {
  readonly field: string
  readonly isList: boolean
  readonly isSwitch: boolean
  readonly read: (text: string) => unknown
}

/** More keys than the schema has, and the key that a word without `=` is meant for. */
export type ItemWords = {
  readonly keys?: Readonly<
    Record<string, (text: string) => { readonly field: string; readonly value: unknown } | undefined>
  >
  readonly main?: string
}

const noNames: ReadonlySet<string> = new Set()

/** The keys of a list's members; what is deeper needs a file or `--set`. */
function keysOf(schema: Schema): ReadonlyMap<string, Key> {
  const keys = Object.entries(schema.properties ?? {}).flatMap(([field, whole]): [string, Key][] => {
    const { schema: own, isNullable } = plain(whole)
    const name = flagName([field], own, noNames)
    // A key that tells how a secret is written would be read by everybody on the machine (I-45).
    if (/password|content/i.test(field)) return []
    if (isScalar(own)) {
      const read = (text: string) => (isNullable && text === 'none' ? null : scalarFrom(own, text))
      return [[name, { field, isList: false, isSwitch: own.type === 'boolean', read }]]
    }
    const { items } = own
    if (items === undefined || !isScalar(items)) return []
    return [[name, { field, isList: true, isSwitch: false, read: (text) => scalarFrom(items, text) }]]
  })
  return new Map(keys)
}

/** `KEY=VALUE,…` with the first keys by name, for help. */
export const itemValue = (schema: Schema): string => {
  const names = [...keysOf(schema).keys()]
  return `${names.slice(0, 3).join('=…,')}=…`
}

/** Reads a member; nothing when a key is not known or a value not right. */
export function itemReader(schema: Schema, { keys: more = {}, main }: ItemWords) {
  const keys = keysOf(schema)
  const pairFrom = (
    piece: string,
  ): { readonly field: string; readonly value: unknown; readonly isList: boolean } | undefined => {
    const equals = piece.indexOf('=')
    const [name, text] = equals < 0 ? [undefined, piece] : [piece.slice(0, equals), piece.slice(equals + 1)]
    const isSwitch = name === undefined && keys.get(text)?.isSwitch === true
    const called = name ?? (isSwitch ? text : (main ?? ''))
    if (Object.hasOwn(more, called)) {
      const found = more[called]?.(text)
      return found === undefined ? undefined : { ...found, isList: Array.isArray(found.value) }
    }
    const key = keys.get(called)
    const value = key?.read(isSwitch ? 'true' : text)
    return key === undefined || value === undefined
      ? undefined
      : { field: key.field, value, isList: key.isList }
  }
  return (text: string): unknown => {
    const item: Record<string, unknown> = {}
    for (const piece of text.split(',')) {
      const pair = pairFrom(piece)
      if (pair === undefined) return undefined
      const before = item[pair.field]
      item[pair.field] = pair.isList
        ? [...(Array.isArray(before) ? before : []), pair.value].flat()
        : pair.value
    }
    return isObject(item) && Object.keys(item).length > 0 ? item : undefined
  }
}
