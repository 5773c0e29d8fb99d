/** Snapshots as the trees in which they stand, machine by machine, with a mark at the one that each machine stands on. */

import { machine } from '#kinds/machine/schema.ts'
import type { Thing } from '#client/client.ts'
import type { Context } from '../command.ts'
import { oneLine } from '../width.ts'

export type Branch = { readonly thing: Thing; readonly label: string }

const machineOf = ({ project, spec }: Thing) => `${project ?? ''}/${String(spec.machine)}`
const keyOf = (project: string | null, name: unknown) => `${project ?? ''}/${String(name)}`

/** The names of the snapshots that machines stand on, with their projects. */
export async function standingOn(things: readonly Thing[], context: Context): Promise<ReadonlySet<string>> {
  if (things.length === 0) return new Set()
  const client = await context.client()
  // Whoever may not see machines sees the tree without the mark.
  const machines = await client.list(machine as never, { project: context.options.project }).catch(() => [])
  return new Set(
    machines.flatMap(({ project, status }) =>
      typeof status.snapshot === 'string' ? [keyOf(project, status.snapshot)] : [],
    ),
  )
}

/** Each below its parent, the oldest first. What names a parent that is not shown begins a tree of its own. */
export function asTree(things: readonly Thing[], standing: ReadonlySet<string>): Branch[] {
  const byAge = things.toSorted((one, other) => one.createdAtMs - other.createdAtMs)
  const shown = new Set(things.map(({ project, name }) => keyOf(project, name)))
  const parentOf = ({ project, status }: Thing) => {
    const key = keyOf(project, status.parent)
    return typeof status.parent === 'string' && shown.has(key) ? key : null
  }
  const branches: Branch[] = []
  const seen = new Set<string>()
  const grow = (thing: Thing, before: string, lead: string) => {
    const key = keyOf(thing.project, thing.name)
    // What names itself or its own child as its parent must not be followed for ever.
    if (seen.has(key)) return
    seen.add(key)
    const mark = standing.has(key) ? ' *' : ''
    branches.push({ thing, label: `${before}${lead}${oneLine(thing.name)}${mark}` })
    const children = byAge.filter((each) => parentOf(each) === key)
    const under = lead === '' ? before : `${before}${lead === '└ ' ? '  ' : '│ '}`
    for (const [at, child] of children.entries()) grow(child, under, at === children.length - 1 ? '└ ' : '├ ')
  }
  const roots = byAge.filter((thing) => parentOf(thing) === null)
  for (const of of new Set(byAge.map(machineOf)))
    for (const root of roots.filter((thing) => machineOf(thing) === of)) grow(root, '', '')
  for (const thing of byAge) grow(thing, '', '')
  return branches
}
