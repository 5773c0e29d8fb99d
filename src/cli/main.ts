/** The command line: finds the command, runs it, and says what went wrong. */

import { Problem } from '#model/problem.ts'
import type { Language } from '#model/sentence.ts'
import { kinds } from '#kinds/registry.ts'
import type { Client } from '#client/client.ts'
import { usage } from './arguments.ts'
import type { Command, Context, Options, World } from './command.ts'
import { commands as builtIn, completeCommand } from './commands/registry.ts'
import { started, languageOf } from './everywhere.ts'
import { nearest } from './nearest.ts'
import { nounCommand } from './nouns/command.ts'
import { paperOf, type Paper } from './paper.ts'
import { clientAt, placeOf } from './place.ts'
import { report } from './report.ts'

/** By Ctrl-C, as shells count it: 128 and the signal's number. */
export const interruptedExit = 130

function commandNamed(word: string, commands: readonly Command[], language: Language): Command {
  const command = [...commands, completeCommand].find(({ name }) => name === word) ?? nounCommand(word)
  if (command !== undefined) return command
  const all = [...commands.map(({ name }) => name), ...kinds.flatMap(({ name, plural }) => [name, plural])]
  const near = nearest(word, all)
  throw near === undefined
    ? usage(language, 'command-unknown', { command: word })
    : usage(language, 'command-nearest', { command: word, near })
}

const paperFor = (
  world: World,
  { language, format, isQuiet }: Pick<Options, 'language' | 'format' | 'isQuiet'>,
) => paperOf({ ...world, language, format, isQuiet })

/** One connection for the whole command, made when first needed. */
function connection(world: World, options: Options, isDataGiven: boolean): () => Promise<Client> {
  let made: Promise<Client> | undefined
  const make = async () => {
    const place = await placeOf({ surroundings: world, data: options.data, isDataGiven })
    return clientAt(place, options.language)
  }
  return () => (made ??= make())
}

/** An endpoint that was left behind by a Decant that no longer runs. */
function plainly(error: unknown, world: World, { data }: Options, isDataGiven: boolean): unknown {
  const isLocal = isDataGiven || (world.env.DECANT_URL ?? '') === ''
  const isSilent = error instanceof Problem && error.code === 'start/unreachable'
  return isLocal && isSilent ? new Problem('start/not-running', { data }, { cause: error }) : error
}

async function runCommand(
  argv: readonly string[],
  world: World,
  commands: readonly Command[],
): Promise<number> {
  const { options, rest, wantsHelp, isDataGiven } = started(argv, world)
  const paper = paperFor(world, options)
  const context: Context = {
    world,
    options,
    paper,
    commands,
    client: connection(world, options, isDataGiven),
  }
  try {
    const [word, ...operands] = rest
    if (word === '--version')
      return await commandNamed('version', commands, options.language).run([], context)
    const isHelp = word === undefined || wantsHelp
    const name = isHelp ? 'help' : word
    const asked = isHelp ? rest.filter((text) => !text.startsWith('-')) : operands
    return await commandNamed(name, commands, options.language).run(asked, context)
  } catch (error) {
    return faulty(plainly(error, world, options, isDataGiven), world, paper)
  }
}

async function faulty(error: unknown, world: World, paper: Paper): Promise<number> {
  paper.fleeting('')
  if (world.interrupted.aborted && !(error instanceof Problem)) return interruptedExit
  return report(error, world, paper)
}

/**
 * Runs one command line; resolves to its exit code and never rejects. `extra`: commands of this
 * machine rather than of the API (start, down, service …), which the composition root hands in.
 */
export async function main(
  argv: readonly string[],
  world: World,
  extra: readonly Command[] = [],
): Promise<number> {
  const commands = [...builtIn, ...extra.filter(({ name }) => !builtIn.some((own) => own.name === name))]
  try {
    return await runCommand(argv, world, commands)
  } catch (error) {
    const language = languageOf(world.env)
    return faulty(error, world, paperFor(world, { language, format: formatIn(argv), isQuiet: false }))
  }
}

/** The form of a problem when even the flags could not be read. */
const formatIn = (argv: readonly string[]) =>
  argv.includes('--format=json') || argv[argv.indexOf('--format') + 1] === 'json' ? 'json' : 'table'
