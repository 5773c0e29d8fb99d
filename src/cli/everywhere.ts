/** The flags that every command has, and how they and the environment become its options. */

import { languages, type Language } from '#model/sentence.ts'
import { argumentsFrom, usage } from './arguments.ts'
import { formats, type Flag, type Format, type Options, type World } from './command.ts'
import { dataFolder } from './place.ts'

export const everywhere: readonly Flag[] = [
  { name: 'data', value: 'DIR', summary: 'Folder of the Decant to talk to' },
  { name: 'format', value: 'table|json|yaml', choices: formats, summary: 'Form of the result' },
  { name: 'project', value: 'NAME', names: 'project', summary: 'Project of the objects; default: `default`' },
  { name: 'language', value: 'en|ko', choices: languages, summary: 'Language of the words' },
  { name: 'quiet', summary: 'No words beside the result' },
  { name: 'help', short: 'h', summary: 'What the command does' },
]

/** The language of LC_ALL, LC_MESSAGES or LANG, in the order that POSIX states. */
export function languageOf(env: World['env']): Language {
  const locale = [env.LC_ALL, env.LC_MESSAGES, env.LANG].find((text) => text !== undefined && text !== '')
  return locale?.toLowerCase().startsWith('ko') === true ? 'ko' : 'en'
}

const isOurs = (text: string, name: string) => text === `--${name}` || text.startsWith(`--${name}=`)

/** Takes the flags of every command out of what was typed, wherever they stand before `--`. */
export function parted(argv: readonly string[]): { readonly ours: string[]; readonly rest: string[] } {
  const [ours, rest]: [string[], string[]] = [[], []]
  for (let at = 0; at < argv.length; at++) {
    const text = argv[at] ?? ''
    if (text === '--') return { ours, rest: [...rest, ...argv.slice(at)] }
    const flag = everywhere.find(({ name, short }) => isOurs(text, name) || text === `-${short}`)
    if (flag === undefined) rest.push(text)
    else {
      ours.push(text)
      const next = argv[at + 1]
      if (flag.value !== undefined && !text.includes('=') && next !== undefined && !next.startsWith('--')) {
        ours.push(next)
        at++
      }
    }
  }
  return { ours, rest }
}

export type Started = {
  readonly options: Options
  readonly rest: readonly string[]
  readonly wantsHelp: boolean
  readonly isDataGiven: boolean
}

export function started(argv: readonly string[], world: World): Started {
  const { ours, rest } = parted(argv)
  const spoken = languageOf(world.env)
  const args = argumentsFrom(ours, everywhere, spoken)
  const language = (args.one('language') as Language | undefined) ?? spoken
  const project = args.one('project') ?? world.env.DECANT_PROJECT
  if (project === '') throw usage(language, 'flag-value', { flag: '--project', value: 'NAME' })
  return {
    options: {
      data: dataFolder(world, args.one('data')),
      format: (args.one('format') as Format | undefined) ?? 'table',
      language,
      isQuiet: args.has('quiet'),
      project,
    },
    rest,
    wantsHelp: args.has('help'),
    isDataGiven: args.has('data'),
  }
}
