/** Values as people read them: sizes, ages, holds as sentences. Every text of a stranger becomes inert. */

import { isObject } from '#base/json.ts'
import { bytesText, durationText } from '#base/quantity.ts'
import { reasons } from '#model/catalogue/reasons.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'
import type { SaidHold } from '#client/client.ts'
import type { Colour, Paper } from './paper.ts'
import { oneLine } from './width.ts'

export const nothing = '–'

export const ageText = (atMs: number, nowMs: number) =>
  atMs <= 0 ? nothing : durationText((nowMs - atMs) / 1000)

/** The sentence of a hold: the server's, which knows the newest, else the catalogue's. */
export function holdText({ code, facts, message }: SaidHold, language: Language): string {
  if (typeof message === 'string') return oneLine(message)
  const sentence = Object.hasOwn(reasons, code) ? reasons[code] : undefined
  return oneLine(
    sentence === undefined ? code : say(sentence, isObject(facts) ? (facts as Facts) : {}, language),
  )
}

type Unit = 'age' | 'MiB' | 'bytes' | 'moment' | 'seconds' | undefined

/** What a field counts, by the unit at its end: `memoryMib`, `sizeBytes`, `sinceMs`. */
export function unitOf(field: string): Unit {
  if (field.endsWith('Mib')) return 'MiB'
  if (field.endsWith('Bytes')) return 'bytes'
  if (field.endsWith('Seconds')) return 'seconds'
  return field.endsWith('Ms') ? 'moment' : undefined
}

function numberText(value: number, unit: Unit, nowMs: number, paper: Paper): string {
  if (unit === 'MiB') return bytesText(value * 2 ** 20)
  if (unit === 'bytes') return bytesText(value)
  if (unit === 'seconds') return durationText(value)
  if (unit === 'age') return ageText(value, nowMs)
  if (unit !== 'moment') return String(value)
  if (value <= 0) return nothing
  const stamp = new Date(value)
    .toISOString()
    .replace('.000Z', 'Z')
    .replace(/\.\d+Z$/, 'Z')
  return value > nowMs ? stamp : `${stamp} (${paper.text('ago', { time: ageText(value, nowMs) })})`
}

/** One value on one line. */
export function valueText(value: unknown, unit: Unit, paper: Paper, nowMs: number): string {
  if (value === null || value === undefined || value === '') return nothing
  if (typeof value === 'number') return numberText(value, unit, nowMs, paper)
  if (typeof value === 'boolean') return paper.text(value ? 'yes' : 'no')
  if (typeof value === 'string') return oneLine(value)
  const inner = (name: string, item: unknown) => valueText(item, unitOf(name), paper, nowMs)
  if (Array.isArray(value)) return value.map((item) => inner('', item)).join('; ') || nothing
  const pairs = Object.entries(value).filter(([, item]) => item !== null && item !== '')
  return pairs.map(([name, item]) => `${oneLine(name)} ${inner(name, item)}`).join(', ') || nothing
}

/** `storedBytes` → `Stored`, `lastUsedMs` → `Last used`. */
export function titleOf(field: string): string {
  const bare = field.replace(/(Mib|Bytes|Seconds|AtMs|Ms)$/, '').replace(/^is(?=[A-Z])/, '')
  const words = bare.replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const colours: readonly (readonly [Colour, readonly string[]])[] = [
  ['green', ['running', 'ready', 'connected']],
  ['red', ['failed', 'crashed', 'unusable', 'unknown', 'silent']],
  ['yellow', ['pending', 'starting', 'stopping', 'paused', 'deleting', 'waiting', 'uploading', 'building']],
]

/** The colour of a state; states of kinds to come stay plain. */
export const stateColour = (state: string): Colour | undefined =>
  colours.find(([, states]) => states.includes(state))?.[0]
