/** Flags as readings of a schema: one for each field that fits a flag, named after it without its unit. */

import { quantityFrom } from '#base/quantity.ts'
import type { Kind } from '#model/kind.ts'
import type { Flag } from './command.ts'
import { itemReader, itemValue } from './items.ts'
import { flagName, placeholder, scalarFrom, wantedOf } from './scalars.ts'
import { isScalar, plain, schemaOf, type Schema } from './schema.ts'

export type FieldFlag = Flag & {
  /** Dotted path within the spec. */
  readonly path: string
  readonly shape: 'one' | 'list' | 'record'
  /** The value in the unit of the field; nothing when the text is not one. `nowMs` for moments. */
  readonly read: (text: string, nowMs: number) => unknown
  /** What is wanted, for the problem. */
  readonly wanted: string
  /** Which texts are for this flag, where several share a name; absent: all of them. */
  readonly accepts?: (text: string) => boolean
  /** Whether the value names a file whose text is meant; `-`: standard input. */
  readonly isFile?: boolean
}

const isMoment = (path: readonly string[]) => path.at(-1)?.endsWith('AtMs') === true

function momentFrom(text: string, nowMs: number): number | undefined {
  const seconds = /^\+?\d+(\.\d+)?[a-z]+$/.test(text)
    ? quantityFrom(text.replace('+', ''), 'seconds')
    : undefined
  if (seconds !== undefined) return Math.round(nowMs + seconds * 1000)
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}

function pairFrom(schema: Schema, text: string): unknown {
  const equals = text.indexOf('=')
  if (equals <= 0) return undefined
  const value = scalarFrom(schema, text.slice(equals + 1))
  return value === undefined ? undefined : [text.slice(0, equals), value]
}

const summaryOf = ({ title, description }: Schema) => description ?? title ?? ''

type NameOf = (path: readonly string[], schema: Schema) => string
type Field = { readonly path: readonly string[]; readonly whole: Schema }

/** The flag of one field; several for an object of plain fields; none for what needs `--set`. */
function flagsOf({ path, whole }: Field, nameOf: NameOf): FieldFlag[] {
  const { schema, isNullable } = plain(whole)
  const base = { path: path.join('.'), summary: summaryOf(whole) }
  const name = () => nameOf(path, schema)
  if (isMoment(path)) {
    const read = (text: string, nowMs: number) => (text === 'none' ? null : momentFrom(text, nowMs))
    const wanted = 'a time such as 2030-01-31 or 30d'
    return [{ ...base, name: name(), value: 'TIME', shape: 'one', read, wanted }]
  }
  if (isScalar(schema)) {
    const read = (text: string) =>
      isNullable && (text === '' || text === 'none') ? null : scalarFrom(schema, text)
    const choices = schema.enum === undefined ? {} : { choices: schema.enum }
    const value = schema.type === 'boolean' ? {} : { value: placeholder(schema) }
    return [{ ...base, ...value, ...choices, name: name(), shape: 'one', read, wanted: wantedOf(schema) }]
  }
  if (schema.items !== undefined && isScalar(schema.items)) {
    const { items } = schema
    const read = (text: string) => scalarFrom(items, text)
    const many = { value: placeholder(items), isRepeatable: true, shape: 'list' } as const
    return [{ ...base, ...many, name: name(), read, wanted: wantedOf(items) }]
  }
  if (schema.items?.properties !== undefined) {
    const read = itemReader(schema.items, {})
    const many = { value: itemValue(schema.items), isRepeatable: true, shape: 'list' } as const
    return [{ ...base, ...many, name: name(), read, wanted: 'KEY=VALUE,…' }]
  }
  if (schema.properties !== undefined)
    return fieldsOf(schema, path).flatMap((field) => flagsOf(field, nameOf))
  if (typeof schema.additionalProperties !== 'object') return []
  const values = schema.additionalProperties
  const read = (text: string) => pairFrom(values, text)
  return [
    {
      ...base,
      name: name(),
      value: 'KEY=VALUE',
      isRepeatable: true,
      shape: 'record',
      read,
      wanted: 'KEY=VALUE',
    },
  ]
}

const fieldsOf = (schema: Schema, path: readonly string[] = []): Field[] =>
  Object.entries(schema.properties ?? {}).map(([name, whole]) => ({ path: [...path, name], whole }))

/**
 * The flags of a schema's fields. A name that every command has already (`--format`) is told apart by
 * the noun before it: `--image-format`. A list whose singular is a field of its own keeps its plural: `--disks`.
 */
export function fieldFlags(schema: Schema, noun: string, reserved: ReadonlySet<string>): FieldFlag[] {
  const fields = fieldsOf(schema)
  const scalars = fields.filter(({ whole }) => isScalar(plain(whole).schema))
  const taken = new Set(scalars.map(({ path, whole }) => flagName(path, plain(whole).schema, new Set())))
  const nameOf: NameOf = (path, schema) => {
    const name = flagName(path, schema, taken)
    return reserved.has(name) ? `${noun}-${name}` : name
  }
  return fields.flatMap((field) => flagsOf(field, nameOf))
}

/** The flags of a kind's spec, with the kinds whose names complete them. */
export function specFlags(kind: Kind, reserved: ReadonlySet<string>): FieldFlag[] {
  const all = fieldFlags(schemaOf(kind.spec), kind.name, reserved)
  // What a process is started with can be read by everybody on its machine: secrets come by files (I-45).
  const open = all.filter(({ path }) => kind.secrets?.includes(path) !== true)
  return open.map((flag) => {
    const names = kind.references[flag.path] ?? kind.references[`${flag.path}.[]`]
    return names === undefined ? flag : { ...flag, names, value: 'NAME' }
  })
}
