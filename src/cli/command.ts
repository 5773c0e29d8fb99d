/** What a command of the command line is, and what it is handed. */

import type { Language, Sentence } from '#model/sentence.ts'
import type { Client } from '#client/client.ts'
import type { Paper } from './paper.ts'

export type Flag = {
  /** Without the dashes. */
  readonly name: string
  readonly short?: string
  /** What its value is called in help; absent: a switch. */
  readonly value?: string
  /** The value may be left out, and is then given only as `--name=value`. */
  readonly isValueOptional?: boolean
  readonly isRepeatable?: boolean
  readonly choices?: readonly string[]
  /** The kind whose objects' names complete it. */
  readonly names?: string
  readonly summary: string
}

export type Command = {
  readonly name: string
  readonly summary: Sentence
  /** What follows `decant`: `run IMAGE [--name NAME]`. */
  readonly usage: string
  readonly flags?: readonly Flag[]
  /** The kind whose objects' names complete its operands. */
  readonly names?: string
  /** `argv` is what follows the command's name, without the flags that every command has. Resolves to the exit code. */
  run(argv: readonly string[], context: Context): Promise<number>
}

/** The terminal, the environment and the person before it: all that differs in a test. */
export type World = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isRoot: boolean
  readonly home: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: Screen
  readonly stderr: Screen
  readonly nowMs: () => number
  /** Aborted by the first Ctrl-C. */
  readonly interrupted: AbortSignal
}

export type Screen = {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string | Uint8Array): unknown
}

export const formats = ['table', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

export type Options = {
  readonly data: string
  readonly format: Format
  readonly language: Language
  readonly isQuiet: boolean
  /** Of `--project` or `DECANT_PROJECT`. */
  readonly project: string | undefined
}

export type Context = {
  readonly world: World
  readonly options: Options
  readonly paper: Paper
  readonly commands: readonly Command[]
  /** Connected to the Decant that the options name; problem `start/not-running` when there is none. */
  client(): Promise<Client>
}
