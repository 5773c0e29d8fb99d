/**
 * Where a command writes: results to standard output, words beside them to standard error, colour
 * and progress only on a terminal. Texts of strangers are made inert by whoever lays them out.
 */

import { styleText } from 'node:util'
import { say, type Facts, type Language } from '#model/sentence.ts'
import type { Format, Screen } from './command.ts'
import { cropped, widthOf } from './width.ts'
import { words, type Word } from './words.ts'

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold' | 'cyan' | 'underline'

export type Paper = {
  readonly language: Language
  readonly format: Format
  /** Columns of the terminal; nothing when the output is not one. */
  readonly columns: number | undefined
  /** Whether a person sees standard error as it comes. */
  readonly isLive: boolean
  text(word: Word, facts?: Facts): string
  paint(colour: Colour, text: string): string
  /** One line of the result. */
  line(text: string): void
  /** A result as JSON or YAML, by the chosen format; YAML when that is `table`. */
  data(value: unknown): Promise<void>
  /** A word beside the result; nothing with `--quiet`. */
  note(text: string): void
  /** A line that replaces itself; empty: wiped away. Nothing unless somebody watches. */
  fleeting(text: string): void
}

export type PaperOf = {
  readonly stdout: Screen
  readonly stderr: Screen
  readonly env: Readonly<Record<string, string | undefined>>
  readonly language: Language
  readonly format: Format
  readonly isQuiet: boolean
}

/** See no-color.org: any value but the empty one turns colours off. */
const wantsColour = ({ stdout, env }: PaperOf) =>
  stdout.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'

export async function dataText(value: unknown, format: Format): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, undefined, 2)}\n`
  const { stringify } = await import('yaml')
  return stringify(value, { lineWidth: 0 })
}

export function paperOf(of: PaperOf): Paper {
  const { stdout, stderr, language, format, isQuiet } = of
  const isColoured = wantsColour(of)
  const isLive = stderr.isTTY === true && !isQuiet && of.env.TERM !== 'dumb'
  let isDirty = false
  const wipe = () => {
    if (isDirty) stderr.write('\r\u001b[K')
    isDirty = false
  }
  return {
    language,
    format,
    columns: stdout.isTTY === true ? (stdout.columns ?? 80) : undefined,
    isLive,
    text: (word, facts) => say(words[word], facts, language),
    paint: (colour, text) => (isColoured ? styleText(colour, text, { validateStream: false }) : text),
    line(text) {
      wipe()
      stdout.write(`${text}\n`)
    },
    async data(value) {
      const text = await dataText(value, format)
      wipe()
      stdout.write(text)
    },
    note(text) {
      wipe()
      if (!isQuiet) stderr.write(`${text}\n`)
    },
    fleeting(text) {
      if (!isLive) return
      wipe()
      if (text === '') return
      stderr.write(cropped(text, Math.max(20, (stderr.columns ?? 80) - 1)))
      isDirty = widthOf(text) > 0
    },
  }
}
