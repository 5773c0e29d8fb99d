/** Reads what stands after a command: operands, flags with values, switches. */

import { Problem } from '#model/problem.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'
import type { Flag } from './command.ts'
import { nearest } from './nearest.ts'
import { words, type Word } from './words.ts'

export type Arguments = {
  readonly operands: readonly string[]
  /** A switch that is on, or a flag that was given at all. */
  has(name: string): boolean
  one(name: string): string | undefined
  all(name: string): readonly string[]
}

/** A mistake in what was typed; exit 2. */
export const usage = (language: Language, word: Word, facts: Facts = {}) =>
  new Problem('usage/unknown', { why: say(words[word], facts, language) })

type Given = { readonly name: string; readonly value: string | undefined }

/** `--name`, `--name=value`, `-f`, `-fvalue`; nothing when it is an operand. */
function givenBy(text: string, flags: readonly Flag[]): Given | undefined {
  if (!text.startsWith('-') || text === '-') return undefined
  if (!text.startsWith('--')) {
    const name = flags.find(({ short }) => short === text[1])?.name ?? text.slice(0, 2)
    return { name, value: text.length > 2 ? text.slice(2) : undefined }
  }
  const equals = text.indexOf('=')
  return equals < 0
    ? { name: text.slice(2), value: undefined }
    : { name: text.slice(2, equals), value: text.slice(equals + 1) }
}

function named(name: string, flags: readonly Flag[]): { flag: Flag; isNegated: boolean } | undefined {
  const flag = flags.find((flag) => flag.name === name)
  if (flag !== undefined) return { flag, isNegated: false }
  const denied = name.startsWith('no-') ? flags.find((flag) => flag.name === name.slice(3)) : undefined
  return denied !== undefined && denied.value === undefined ? { flag: denied, isNegated: true } : undefined
}

function truthOf(flag: Flag, text: string, language: Language): string {
  if (text === 'true' || text === 'false') return text
  throw usage(language, 'flag-switch', { flag: `--${flag.name}`, value: text })
}

function checked(flag: Flag, value: string, language: Language): string {
  if (flag.choices === undefined || flag.choices.includes(value)) return value
  const facts = { flag: `--${flag.name}`, value, choices: flag.choices.join(', ') }
  throw usage(language, 'flag-choice', facts)
}

/** Splits what was typed; problem `usage/unknown` with the nearest flag when one is not known. */
export function argumentsFrom(
  argv: readonly string[],
  flags: readonly Flag[],
  language: Language,
): Arguments {
  const operands: string[] = []
  const values = new Map<string, string[]>()
  for (let at = 0; at < argv.length; at++) {
    const text = argv[at] ?? ''
    if (text === '--') {
      operands.push(...argv.slice(at + 1))
      break
    }
    const given = givenBy(text, flags)
    if (given === undefined) {
      operands.push(text)
      continue
    }
    const found = named(given.name, flags)
    if (found === undefined) throw unknownFlag(text, given.name, flags, language)
    const { flag, isNegated } = found
    const next = argv[at + 1]
    const isTaken = takesNext(flag, given, next)
    if (isTaken) at++
    const value = valueOf({ flag, isNegated, given: isTaken ? next : given.value }, language)
    values.set(flag.name, flag.isRepeatable === true ? [...(values.get(flag.name) ?? []), value] : [value])
  }
  const last = (name: string) => values.get(name)?.at(-1)
  return {
    operands,
    has: (name) => values.has(name) && last(name) !== 'false',
    one: last,
    all: (name) => values.get(name) ?? [],
  }
}

const takesNext = (flag: Flag, given: Given, next: string | undefined) =>
  flag.value !== undefined &&
  flag.isValueOptional !== true &&
  given.value === undefined &&
  next !== undefined &&
  (next === '-' || !next.startsWith('-') || /^-\d/.test(next))

function valueOf(
  { flag, isNegated, given }: { flag: Flag; isNegated: boolean; given: string | undefined },
  language: Language,
): string {
  if (isNegated) return 'false'
  if (flag.value === undefined) return truthOf(flag, given ?? 'true', language)
  if (given !== undefined) return checked(flag, given, language)
  if (flag.isValueOptional === true) return ''
  throw usage(language, 'flag-value', { flag: `--${flag.name}`, value: flag.value })
}

function unknownFlag(text: string, name: string, flags: readonly Flag[], language: Language) {
  const near = nearest(
    name,
    flags.map((flag) => flag.name),
  )
  const flag = text.split('=')[0] ?? text
  return near === undefined
    ? usage(language, 'flag-unknown', { flag })
    : usage(language, 'flag-nearest', { flag, near: `--${near}` })
}

/** The one operand that a command needs, or the problem that it is missing or one of too many. */
export function onlyOperand(args: Arguments, what: string, language: Language): string {
  const [operand, extra] = args.operands
  if (operand === undefined) throw usage(language, 'operand-missing', { what })
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
  return operand
}

export function noOperands(args: Arguments, language: Language): void {
  const [extra] = args.operands
  if (extra !== undefined) throw usage(language, 'operand-extra', { text: extra })
}
