/** Makes what a person typed into a wish: flags, `--set path=value`, a file. Pure. */

import { isObject } from '#base/json.ts'
import type { Language } from '#model/sentence.ts'
import { usage, type Arguments } from './arguments.ts'
import type { FieldFlag } from './flags.ts'

type Bag = Record<string, unknown> | unknown[]

const own = (bag: Bag, name: string): unknown =>
  Object.hasOwn(bag, name) ? (bag as Record<string, unknown>)[name] : undefined

// Defined, not assigned: a field called __proto__ must stay a field.
const put = (bag: Bag, name: string, value: unknown) =>
  Object.defineProperty(bag, name, { value, enumerable: true, writable: true, configurable: true })

/** A copy of `target` with `value` at a dotted path; numbers make or reach into lists. */
export function withAt(target: unknown, path: readonly string[], value: unknown): unknown {
  const [name, ...rest] = path
  if (name === undefined) return value
  const isIndex = /^\d{1,4}$/.test(name)
  const bag: Bag = Array.isArray(target) ? [...target] : isObject(target) ? { ...target } : isIndex ? [] : {}
  return put(bag, name, withAt(own(bag, name), rest, value))
}

/** JSON where it is JSON, else the text itself: `--set cpus=2`, `--set image=debian`. */
export function valueFrom(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function setFrom(text: string, language: Language): { path: string[]; value: unknown } {
  const equals = text.indexOf('=')
  const path = text.slice(0, equals).split('.')
  if (equals <= 0 || path.includes('')) throw usage(language, 'set-form', { value: text })
  return { path: path[0] === 'spec' ? path.slice(1) : path, value: valueFrom(text.slice(equals + 1)) }
}

type Reading = { readonly language: Language; readonly nowMs: number }

function read(flag: FieldFlag, text: string, { language, nowMs }: Reading): unknown {
  const value = flag.read(text, nowMs)
  if (value !== undefined) return value
  throw usage(language, 'flag-read', { flag: `--${flag.name}`, value: text, wanted: flag.wanted })
}

function valueOf(flag: FieldFlag, texts: readonly string[], reading: Reading): unknown {
  // An empty text empties a list.
  const given = flag.shape === 'one' ? texts : texts.filter((text) => text !== '')
  const values = given.map((text) => read(flag, text, reading))
  if (flag.shape === 'one') return values.at(-1)
  return flag.shape === 'list' ? values : Object.fromEntries(values as [string, unknown][])
}

/** `base` with everything that the flags and `--set` say. */
export function specFrom(
  base: unknown,
  args: Arguments,
  flags: readonly FieldFlag[],
  reading: Reading,
): Record<string, unknown> {
  let spec: unknown = base
  for (const flag of flags) {
    const texts = args.all(flag.name).filter(flag.accepts ?? (() => true))
    if (texts.length > 0) spec = withAt(spec, flag.path.split('.'), valueOf(flag, texts, reading))
  }
  for (const text of args.all('set')) {
    const { path, value } = setFrom(text, reading.language)
    spec = withAt(spec, path, value)
  }
  return isObject(spec) ? spec : {}
}

/** `k=v` pairs; `k-` takes a label off (null, for a patch). */
export function labelsFrom(texts: readonly string[], language: Language): Record<string, string | null> {
  const pairs = texts.map((text): [string, string | null] => {
    const equals = text.indexOf('=')
    if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)]
    if (text.length > 1 && text.endsWith('-')) return [text.slice(0, -1), null]
    throw usage(language, 'flag-read', { flag: '--label', value: text, wanted: 'KEY=VALUE' })
  })
  return Object.fromEntries(pairs)
}
