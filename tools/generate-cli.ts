/** Writes docs/reference/cli.md from the commands and the kinds; with `--check` says whether it is stale. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { kinds } from '#kinds/registry.ts'
import type { Kind } from '#model/kind.ts'
import type { Command, Flag } from '#cli/command.ts'
import { exits, flagEntries } from '#cli/commands/help.ts'
import { commands } from '#cli/commands/registry.ts'
import { everywhere } from '#cli/everywhere.ts'
import { actionsOf } from '#cli/nouns/command.ts'
import type { Action } from '#cli/nouns/noun.ts'
import { localCommands } from '../src/bin/local/registry.ts'

const file = 'docs/reference/cli.md'

const cell = (text: string) => text.replaceAll('|', '\\|')

const table = (head: string, rows: readonly (readonly [string, string])[]) =>
  [`| ${head} | |`, '|---|---|', ...rows.map(([a, b]) => `| ${cell(a)} | ${cell(b)} |`)].join('\n')

const flagTable = (flags: readonly Flag[]) =>
  flags.length === 0
    ? []
    : [
        table(
          'Flag',
          flagEntries(flags).map(([flag, summary]) => [`\`${flag}\``, summary] as const),
        ),
      ]

const actionSection = (kind: Kind, action: Action) => [
  `#### decant ${kind.name} ${action.name}${action.operands === '' ? '' : ` ${action.operands}`}`,
  `${action.summary}.`,
  ...flagTable(action.flags()),
]

const kindSection = (kind: Kind) => [
  `### ${kind.name}`,
  `${kind.summary}. Also \`decant ${kind.plural}\`.`,
  ...actionsOf(kind).flatMap((action) => actionSection(kind, action)),
]

const commandSection = (command: Command) => [
  `### ${command.name}`,
  `\`decant ${command.usage}\``,
  `${command.summary.en}.`,
  ...flagTable(command.flags ?? []),
]

const environment: readonly (readonly [string, string])[] = [
  ['`DECANT_DATA`', 'Folder of the Decant to talk to, as `--data`'],
  ['`DECANT_URL`, `DECANT_TOKEN`', 'Another Decant and the token to use there; `--data` comes first'],
  ['`DECANT_CA`', 'PEM file of the certificate authority of that Decant'],
  ['`DECANT_PROJECT`', 'Project of the objects, as `--project`'],
  ['`DECANT_DEBUG=1`', 'Say beneath a problem what caused it'],
  ['`LC_ALL`, `LC_MESSAGES`, `LANG`', 'Korean when it begins with `ko`, else English'],
  ['`NO_COLOR`', 'No colours'],
  ['`VISUAL`, `EDITOR`', 'Editor of `decant KIND edit NAME`'],
]

export const page = () =>
  [
    '# The command line',
    'Generated from the kinds and the commands; change those, then run `node tools/generate-cli.ts`.',
    'Without `--data`, the data folder is `$DECANT_DATA`, else `/var/lib/decant` for root, else `$XDG_DATA_HOME/decant` (`~/.local/share/decant`). The Decant that runs there is found by itself.',
    '## Flags of every command',
    ...flagTable(everywhere),
    '## Exit codes',
    table('Code', exits),
    '`decant plan` ends with 10 when something would change. Problems are said on standard error; with `--format json` as their document.',
    '## Environment',
    table('Variable', environment),
    '## Commands',
    ...[...commands, ...localCommands].flatMap(commandSection),
    '## Kinds',
    ...kinds.flatMap(kindSection),
  ].join('\n\n') + '\n'

const current = () => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

if (import.meta.main) {
  const isStale = current() !== page()
  if (process.argv.includes('--check')) {
    if (isStale) console.error(`${file} is stale: run node tools/generate-cli.ts`)
    process.exitCode = isStale ? 1 : 0
  } else {
    mkdirSync('docs/reference', { recursive: true })
    if (isStale) writeFileSync(file, page())
  }
}
