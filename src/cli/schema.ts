/** Reads the fields of a kind's schema: paths, types, units and words, as the command line needs them. */

import { z } from 'zod'
import { isObject } from '#base/json.ts'

/** The part of JSON Schema 2020-12 that zod writes for our kinds. */
export type Schema = {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly format?: string
  readonly title?: string
  readonly description?: string
  readonly unit?: string
}

export const schemaOf = (type: z.ZodType): Schema => z.toJSONSchema(type, { io: 'input' }) as Schema

/** `anyOf: [x, null]` as x that may be absent. */
export function plain(schema: Schema): { readonly schema: Schema; readonly isNullable: boolean } {
  const others = schema.anyOf?.filter(({ type }) => type !== 'null') ?? []
  const [only] = others
  if (schema.anyOf === undefined || only === undefined || others.length > 1)
    return { schema, isNullable: false }
  return { schema: { ...schema, ...only, ...wordsOf(schema) }, isNullable: schema.anyOf.length > 1 }
}

const wordsOf = ({ title, description, unit }: Schema) => ({
  ...(title === undefined ? {} : { title }),
  ...(description === undefined ? {} : { description }),
  ...(unit === undefined ? {} : { unit }),
})

export const isScalar = ({ type, enum: choices }: Schema) =>
  choices !== undefined || ['string', 'integer', 'number', 'boolean'].includes(type ?? '')

/** The schema at a dotted path, a list's items under any number; nothing when there is none. */
export function schemaAt(schema: Schema, path: readonly string[]): Schema | undefined {
  const [name, ...rest] = path
  if (name === undefined) return schema
  const { schema: here } = plain(schema)
  const field =
    here.properties !== undefined && Object.hasOwn(here.properties, name) ? here.properties[name] : undefined
  if (field !== undefined) return schemaAt(field, rest)
  if (here.items !== undefined) return schemaAt(here.items, /^(\d+|\[\])$/.test(name) ? rest : path)
  return isObject(here.additionalProperties) ? schemaAt(here.additionalProperties as Schema, rest) : undefined
}

/** What a value must be, in a few words: `a whole number from 1 to 288`. */
export function typeText(whole: Schema): string {
  const { schema, isNullable } = plain(whole)
  const none = isNullable ? ' or null' : ''
  if (schema.enum !== undefined) return schema.enum.join(' | ') + none
  if (schema.type === 'array')
    return `list of ${schema.items === undefined ? 'anything' : typeText(schema.items)}`
  if (schema.type === 'object') return schema.properties === undefined ? 'labels' : 'object'
  const words: Record<string, string> = { integer: 'whole number', boolean: 'true | false', string: 'text' }
  return `${words[schema.type ?? ''] ?? schema.type ?? 'anything'}${rangeText(schema)}${none}`
}

function rangeText({ minimum, maximum, unit, type, maxLength }: Schema): string {
  const isBound = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) < Number.MAX_SAFE_INTEGER
  const unitText = unit === undefined ? '' : ` (${unit})`
  if (type === 'string') return maxLength === undefined ? '' : `, at most ${maxLength} characters`
  if (isBound(minimum) && isBound(maximum)) return `${unitText}, ${minimum} to ${maximum}`
  return isBound(minimum) ? `${unitText}, at least ${minimum}` : unitText
}
