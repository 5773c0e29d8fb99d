/**
 * Reads the papers as a person at a terminal would: which commands they say to type, which pages they lead
 * to, which codes and settings they name; and says what of it is not so.
 */

import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { Problem, type ProblemCode } from '#model/problem.ts'
import { problems } from '#model/catalogue/problems.ts'
import { reasons } from '#model/catalogue/reasons.ts'
import { kinds } from '#kinds/registry.ts'
import type { Kind } from '#model/kind.ts'
import { argumentsFrom, type Arguments } from '#cli/arguments.ts'
import { commands } from '#cli/commands/registry.ts'
import { everywhere, parted } from '#cli/everywhere.ts'
import { actionsOf, kindCalled } from '#cli/nouns/command.ts'
import type { Action } from '#cli/nouns/noun.ts'
import { fieldFlagsOf } from '#cli/nouns/wishing.ts'
import { schemaAt, schemaOf } from '#cli/schema.ts'
import { specFrom } from '#cli/wish.ts'
import { readSettings } from '../src/bin/config.ts'
import { localCommands } from '../src/bin/local/registry.ts'

const root = join(import.meta.dirname, '..')

/** Papers whose commands are kept true, relative to the checkout. */
export const guides = (): string[] =>
  ['README.md', 'README.ko.md', ...globSync('docs/guide/**/*.md', { cwd: root })].toSorted()

/** All papers: their links are kept true. */
export const papers = (): string[] =>
  [...globSync('*.md', { cwd: root }), ...globSync('docs/**/*.md', { cwd: root })].toSorted()

export const textOf = (paper: string) => readFileSync(join(root, paper), 'utf8')

/** The blocks between fences, with the language that the fence names. */
export const fencesIn = (text: string) =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', body = '']) => ({
    language,
    body,
  }))

/** What is to be typed, without the words beside it: those are in the language of the paper. */
export const uncommented = (body: string) => body.replaceAll(/(^|\s+)# (?!shop\.yaml).*$/gm, '').trimEnd()

/** Each `./decant …` and `npm …`, in fences, in tables and in running text, up to what is no part of it. */
export const commandsIn = (text: string): string[] =>
  [...text.matchAll(/(?:\.\/decant|npm (?:start|test|run))(?: [^`|\n]+)?/g)]
    .map(([line]) => line.replace(/\s+(#|>|;|&&)( .*)?$/, '').trim())
    .filter((line) => line !== './decant')

/** Words as a shell makes them, for the quotes that our papers use. */
export const wordsOf = (line: string): string[] =>
  [...line.matchAll(/(?:[^\s'"]+|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  )

const fieldAt = (text: string) => {
  const [name = '', ...path] = text.split('.')
  const kind = kindCalled(name)
  return kind === undefined
    ? undefined
    : (schemaAt(schemaOf(kind.spec), path) ?? schemaAt(schemaOf(kind.status), path))
}

/** Reads what was wished as `create`, `edit` and `run` do; problem or text where it is not acceptable. */
function wishFault(kind: Kind, args: Arguments, isWhole: boolean): string | undefined {
  // A paper's files are not here to be read.
  const flags = fieldFlagsOf(kind).filter(({ isFile }) => isFile !== true)
  const spec = specFrom({}, args, flags, { language: 'en', nowMs: 0 })
  const parsed = isWhole ? kind.spec.safeParse(spec) : undefined
  return parsed?.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')
}

function operandFault({ operands }: Action, typed: readonly string[]): string | undefined {
  if (operands === '') return typed.length === 0 ? undefined : 'takes no name'
  const isRight = operands === 'NAME' ? typed.length === 1 : typed.length >= 1
  return isRight ? undefined : `takes ${operands}`
}

function kindFault(kind: Kind, [word = 'list', ...rest]: readonly string[]): string | undefined {
  const action = actionsOf(kind).find(({ name }) => name === word)
  if (action === undefined) return `there is no ${kind.name} ${word}`
  const args = argumentsFrom(rest, action.flags(), 'en')
  const isWish = word === 'create' || word === 'edit'
  return (
    operandFault(action, args.operands) ?? (isWish ? wishFault(kind, args, word === 'create') : undefined)
  )
}

function commandFault(word: string, rest: readonly string[]): string | undefined {
  const command = [...commands, ...localCommands].find(({ name }) => name === word)
  if (command === undefined) return `there is no command ${word}`
  const args = argumentsFrom(rest, command.flags ?? [], 'en')
  const [operand] = args.operands
  const [, second = ''] = command.usage.split(' ')
  const isChoice = /^[a-z]/.test(second)
  if (
    isChoice &&
    !command.usage
      .split(/[\s|]+/)
      .slice(1)
      .includes(operand ?? '')
  )
    return `not ${command.usage}`
  if (!isChoice && operand !== undefined && !/[A-Z]{2}/.test(command.usage))
    return `${operand} is one word too many`
  if (word === 'explain' && operand === undefined) return 'a kind is missing'
  if (word === 'explain' && fieldAt(operand ?? '') === undefined) return `there is no field ${operand}`
  const machine = kindCalled('machine')
  return word === 'run' && machine !== undefined ? wishFault(machine, args, false) : undefined
}

function decantFault(typed: readonly string[]): string | undefined {
  const { ours, rest } = parted(typed)
  argumentsFrom(ours, everywhere, 'en')
  const [word = 'help', ...others] = rest
  const kind = kindCalled(word)
  return kind === undefined ? commandFault(word, others) : kindFault(kind, others)
}

function npmFault([, act = '', ...rest]: readonly string[]): string | undefined {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const [script, ...others] = act === 'run' ? rest : [act, ...rest]
  if (script === undefined || !Object.hasOwn(scripts, script)) return `there is no script ${script}`
  if (script === 'start' && others.length > 0) readSettings(others.slice(1), {}, 0)
  return undefined
}

/** Why a command would be refused before it does anything; nothing when it would not. */
export function commandLineFault(line: string): string | undefined {
  const words = wordsOf(line)
  try {
    return line.startsWith('npm') ? npmFault(words) : decantFault(words.slice(1))
  } catch (error) {
    if (error instanceof Problem) return error.message
    throw error
  }
}

/** Objects in YAML blocks that no kind would take. */
export const sheetFaults = (text: string): string[] =>
  fencesIn(text)
    .filter(({ language }) => language === 'yaml')
    .flatMap(({ body }) => parseAllDocuments(body).map((document): unknown => document.toJS()))
    .flatMap((value) => {
      const { kind, spec } = value as { kind: string; spec: unknown }
      const parsed = kinds.find(({ name }) => name === kind)?.spec.safeParse(spec)
      return parsed?.success === true ? [] : [`${kind}: ${parsed?.error.message ?? 'there is no such kind'}`]
    })

/** Relative links that lead nowhere. */
export const linkFaults = (paper: string, text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, to = '']) => to.replace(/#.*$/, ''))
    .filter((to) => to !== '' && !/^[a-z]+:/.test(to) && !existsSync(join(root, dirname(paper), to)))

const isCode = (code: string) => Object.hasOwn(problems, code as ProblemCode) || Object.hasOwn(reasons, code)

/** Codes of problems and reasons, as `store/full`, that the catalogues do not hold. */
export const codeFaults = (text: string): string[] =>
  [...text.matchAll(/`([a-z]+\/[a-z]+(?:-[a-z]+)*)`/g)]
    .map(([, code = '']) => code)
    .filter((code) => !isCode(code))
