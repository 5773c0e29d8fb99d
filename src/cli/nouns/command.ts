/** Each kind as a command: `decant KIND ACTION …`. */

import type { Kind } from '#model/kind.ts'
import { kinds } from '#kinds/registry.ts'
import { argumentsFrom, usage } from '../arguments.ts'
import type { Command, Context } from '../command.ts'
import { nearest } from '../nearest.ts'
import { actActions } from './acts.ts'
import { createAction, editAction } from './create.ts'
import { deleteAction } from './delete.ts'
import { catalogueAction } from './catalogue.ts'
import { exportAction } from './export.ts'
import { imageBuildAction } from './image-build.ts'
import { importAction } from './import.ts'
import { insideActions } from './inside.ts'
import { listAction } from './list.ts'
import { machineActions } from './machine.ts'
import { machineImportAction } from './machine-import.ts'
import { measured, metricsAction } from './metrics.ts'
import type { Action } from './noun.ts'
import { showAction } from './show.ts'

const withContent = new Set(['image'])
const givenOut = new Set(['image', 'volume', 'machine'])

/** All that can be done with objects of a kind. */
export const actionsOf = (kind: Kind): readonly Action[] => [
  listAction(kind),
  showAction(kind),
  ...(kind.access.write === 'system' ? [] : [createAction(kind), editAction(kind), deleteAction(kind)]),
  ...(withContent.has(kind.name) ? [importAction(kind), imageBuildAction(kind), catalogueAction()] : []),
  ...(kind.name === 'machine' ? [machineImportAction(kind)] : []),
  ...(givenOut.has(kind.name) ? [exportAction(kind)] : []),
  ...(measured.has(kind.name) ? [metricsAction(kind)] : []),
  ...(kind.name === 'machine' ? machineActions(kind) : []),
  ...(kind.name === 'machine' ? insideActions(kind) : []),
  ...actActions(kind),
]

async function run(kind: Kind, argv: readonly string[], context: Context): Promise<number> {
  const actions = actionsOf(kind)
  const names = actions.map(({ name }) => name)
  const [word = 'list', ...rest] = argv
  const action = actions.find(({ name }) => name === word)
  if (action !== undefined)
    return action.run(argumentsFrom(rest, action.flags(), context.options.language), context)
  const near = nearest(word, names)
  const command = `${kind.name} ${word}`
  throw near === undefined
    ? usage(context.options.language, 'command-unknown', { command })
    : usage(context.options.language, 'command-nearest', { command, near: `${kind.name} ${near}` })
}

const commandOf = (kind: Kind): Command => ({
  name: kind.name,
  summary: { en: kind.summary, ko: kind.title.ko },
  usage: `${kind.name} ${actionsOf(kind)
    .map(({ name }) => name)
    .join('|')}`,
  run: (argv, context) => run(kind, argv, context),
})

/** A kind by its name or its plural. */
export const kindCalled = (word: string): Kind | undefined =>
  kinds.find(({ name, plural }) => name === word || plural === word)

export function nounCommand(word: string): Command | undefined {
  const kind = kindCalled(word)
  return kind === undefined ? undefined : commandOf(kind)
}
