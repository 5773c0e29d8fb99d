/** Plain values as people type them: what a field is called, how its value is read, what is wanted. */

import { isUnit, quantityFrom } from '#base/quantity.ts'
import { kebab } from '#base/text.ts'
import type { Schema } from './schema.ts'

const suffixes: Readonly<Record<string, RegExp>> = {
  MiB: /Mib$/,
  seconds: /Seconds$/,
  bytes: /Bytes$/,
  GiB: /Gib$/,
}
const units: Readonly<Record<string, string>> = { MiB: '512MiB', GiB: '10GiB', bytes: '1GiB', seconds: '30s' }

/** `memoryMib` → `memory`, `isShared` → `shared`, `hostLabels` → `host-label`; `taken`: names of plain fields. */
export function flagName(
  path: readonly string[],
  { unit, type }: Schema,
  taken: ReadonlySet<string>,
): string {
  const last = path.at(-1) ?? ''
  const bare = last
    .replace(suffixes[unit ?? ''] ?? /$^/, '')
    .replace(type === 'boolean' ? /^is(?=[A-Z])/ : /$^/, '')
    .replace(/AtMs$/, 'At')
  const name = (word: string) => kebab([...path.slice(0, -1), word].join('-'))
  const isMany = type === 'array' || type === 'object'
  const single = name(isMany ? bare.replace(/s$/, '') : bare)
  return isMany && taken.has(single) ? name(bare) : single
}

export function scalarFrom(schema: Schema, text: string): unknown {
  if (schema.enum !== undefined) return schema.enum.includes(text) ? text : undefined
  if (schema.type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined
  if (schema.type === 'string') return text
  // A per cent is a number as it stands.
  const number = isUnit(schema.unit) ? quantityFrom(text, schema.unit) : numberFrom(text)
  return number !== undefined && schema.type === 'integer' && !Number.isInteger(number) ? undefined : number
}

const numberFrom = (text: string) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined)

export const wantedOf = (schema: Schema): string =>
  schema.enum !== undefined
    ? schema.enum.join(' | ')
    : isUnit(schema.unit)
      ? `a quantity such as ${units[schema.unit] ?? schema.unit}`
      : ({ integer: 'a whole number', number: 'a number', boolean: 'true or false' }[schema.type ?? ''] ??
        'a text')

export const placeholder = (schema: Schema) =>
  schema.enum?.join('|') ?? units[schema.unit ?? ''] ?? (schema.type === 'string' ? 'TEXT' : 'N')
