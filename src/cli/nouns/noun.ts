/** What the actions of a kind have in common: which object, in which project, under which name. */

import type { Kind } from '#model/kind.ts'
import type { Facts } from '#model/sentence.ts'
import type { Change, Thing } from '#client/client.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { oneLine } from '../width.ts'

export type Action = {
  readonly name: string
  readonly summary: string
  /** What follows the action's name. */
  readonly operands:
    | ''
    | 'NAME'
    | 'NAME…'
    | 'NAME PART…'
    | 'NAME IMAGE'
    | 'DISTRIBUTION NAME'
    | 'SOURCE NEW'
    | 'SOURCE TARGET'
    | 'NAME FILE'
    | 'NAME SNAPSHOT'
    | 'NAME -- COMMAND…'
  /** Worked out only when needed: reading a schema takes a few milliseconds. */
  flags(): readonly Flag[]
  run(args: Arguments, context: Context): Promise<number>
}

export const factsOf = (kind: Kind, name: string): Facts => ({ kind: kind.name, name: oneLine(name) })

/** The names that were typed; at least one. `project/name` is not a name here: `--project` says it. */
export function namesOf(args: Arguments, context: Context): readonly string[] {
  if (args.operands.length === 0) throw usage(context.options.language, 'operand-missing', { what: 'NAME' })
  return args.operands
}

export const changeOf = (context: Context, args: Arguments): Change => {
  const generation = args.one('if-generation')
  if (generation !== undefined && !/^\d+$/.test(generation)) {
    const facts = { flag: '--if-generation', wanted: 'a whole number', value: generation }
    throw usage(context.options.language, 'flag-read', facts)
  }
  return {
    project: context.options.project,
    signal: context.world.interrupted,
    ...(generation === undefined ? {} : { ifGeneration: Number(generation) }),
  }
}

/** Where to look on after an interruption. */
export const showCommand = (kind: Kind, { name, project }: Pick<Thing, 'name' | 'project'>) =>
  `decant ${kind.name} show ${name}${project === null || project === 'default' ? '' : ` --project ${project}`}`

/** Does something for each name; the objects in the order of the names. */
export async function forEach(
  names: readonly string[],
  act: (name: string) => Promise<Thing | undefined>,
): Promise<Thing[]> {
  const things: Thing[] = []
  for (const name of names) {
    const thing = await act(name)
    if (thing !== undefined) things.push(thing)
  }
  return things
}

/** With `json` and `yaml`, the object itself, or a list when several names were given. */
export async function giveBack(context: Context, things: readonly Thing[], isMany: boolean): Promise<void> {
  if (context.options.format !== 'table') await context.paper.data(isMany ? things : things[0])
}
