/** `decant help [COMMAND [ACTION]]` and `decant version` */

import { kinds } from '#kinds/registry.ts'
import { usage } from '../arguments.ts'
import type { Command, Context, Flag } from '../command.ts'
import { everywhere } from '../everywhere.ts'
import { actionsOf, kindCalled, nounCommand } from '../nouns/command.ts'
import { sheetLines, type Entry } from '../table.ts'

const flagText = ({ name, short, value, isValueOptional }: Flag) => {
  const shown = value === undefined ? '' : isValueOptional === true ? `[=${value}]` : ` ${value}`
  return `${short === undefined ? '' : `-${short}, `}--${name}${shown}`
}

export const flagEntries = (flags: readonly Flag[]): Entry[] =>
  flags.map((flag) => [flagText(flag), `${flag.summary}${flag.isRepeatable === true ? ' (repeatable)' : ''}`])

export const exits: readonly Entry[] = [
  ['0', 'done'],
  ['1', 'a fault, or what was waited for failed'],
  ['2', 'not understood: usage, or a field that is not acceptable'],
  ['3', 'refused: not allowed, not now, or not agreed to'],
  ['4', 'there is no such thing'],
  ['5', 'a conflict with somebody else or with what is there'],
  ['6', 'not now: try later'],
  ['130', 'interrupted by Ctrl-C; what was asked for goes on'],
]

function overview(context: Context) {
  const { paper, options, commands } = context
  const title = (text: string) => paper.line(`\n${paper.paint('bold', text)}`)
  paper.line(`decant: ${paper.text('help-title')}`)
  title(paper.text('help-usage'))
  paper.line('  decant KIND ACTION [NAME] [FLAGS]')
  paper.line('  decant COMMAND [FLAGS]')
  title(paper.text('help-kinds'))
  const nouns = kinds.map(({ name, summary, title }): Entry => [
    name,
    options.language === 'ko' ? title.ko : summary,
  ])
  for (const line of sheetLines(nouns, '  ')) paper.line(line)
  title(paper.text('help-commands'))
  const rows = commands.map(({ name, summary }): Entry => [name, summary[options.language]])
  for (const line of sheetLines(rows, '  ')) paper.line(line)
  title(paper.text('help-everywhere'))
  for (const line of sheetLines(flagEntries(everywhere), '  ')) paper.line(line)
  title(paper.text('help-exits'))
  for (const line of sheetLines(exits, '  ')) paper.line(line)
  paper.line(`\n${paper.text('help-more')}`)
}

function sayUsage(context: Context, usageText: string, summary: string, flags: readonly Flag[]) {
  const { paper } = context
  paper.line(`decant ${usageText}`)
  paper.line(summary)
  if (flags.length === 0) return
  paper.line(`\n${paper.paint('bold', paper.text('help-flags'))}`)
  for (const line of sheetLines(flagEntries(flags), '  ')) paper.line(line)
}

function nounHelp(word: string, actionName: string | undefined, context: Context): boolean {
  const kind = kindCalled(word)
  if (kind === undefined) return false
  const action = actionsOf(kind).find(({ name }) => name === actionName)
  if (action !== undefined) {
    const operands = action.operands === '' ? '' : ` ${action.operands}`
    sayUsage(context, `${kind.name} ${action.name}${operands} [FLAGS]`, action.summary, action.flags())
    return true
  }
  const { paper } = context
  sayUsage(context, `${kind.name} ACTION [NAME] [FLAGS]`, kind.summary, [])
  paper.line(`\n${paper.paint('bold', paper.text('help-actions'))}`)
  const rows = actionsOf(kind).map(({ name, operands, summary }): Entry => [
    `${name} ${operands}`.trim(),
    summary,
  ])
  for (const line of sheetLines(rows, '  ')) paper.line(line)
  return true
}

export const helpCommand: Command = {
  name: 'help',
  summary: { en: 'What a command does', ko: '명령 설명' },
  usage: 'help [COMMAND [ACTION]]',
  run(argv, context) {
    const [word, action] = argv
    if (word === undefined) overview(context)
    else if (!nounHelp(word, action, context)) {
      const command = context.commands.find(({ name }) => name === word) ?? nounCommand(word)
      const { language } = context.options
      if (command === undefined) throw usage(language, 'command-unknown', { command: word })
      sayUsage(context, command.usage, command.summary[language], command.flags ?? [])
    }
    return Promise.resolve(0)
  },
}

export const versionCommand: Command = {
  name: 'version',
  summary: { en: 'Which Decant this is', ko: '버전' },
  usage: 'version',
  async run(_, context) {
    const { readFile } = await import('node:fs/promises')
    const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
    const { version } = JSON.parse(text) as { version: string }
    if (context.options.format === 'table') context.paper.line(`decant ${version}`)
    else await context.paper.data({ version })
    return 0
  },
}
