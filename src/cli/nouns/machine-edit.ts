/** Edits of a machine's lists: the machine as it stands, and what is sent of it. */

import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import type { Thing, Wish } from '#client/client.ts'
import type { Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { settled } from './create.ts'
import { changeOf, factsOf, giveBack } from './noun.ts'
import { waitFlag, waitingFrom } from './settle.ts'
import { generationFlag, planFlag, sayRehearsal } from './wishing.ts'

export const editFlags = [waitFlag, planFlag, generationFlag]

export type Part = Readonly<Record<string, unknown>>

export const listAt = (spec: unknown, field: string): readonly Part[] => {
  const list = isObject(spec) ? spec[field] : undefined
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** Sends an edit of what is wished, or says what it would do. */
export async function patch(
  kind: Kind,
  { before, spec }: { readonly before: Thing; readonly spec: Part },
  args: Arguments,
  context: Context,
): Promise<number> {
  const client = await context.client()
  const { name } = before
  const body: Wish = { spec }
  // Lists are sent whole, so that nobody's change of the same list gets lost unseen.
  const change = { ifGeneration: before.generation, ...changeOf(context, args) }
  if (args.has('plan'))
    return sayRehearsal(context, await client.rehearse(kind, { op: 'patch', name, body }, change))
  const after = await client.patch(kind, name, body, change)
  const word = after.generation === before.generation ? 'unchanged' : 'changed'
  if (context.options.format === 'table') context.paper.line(context.paper.text(word, factsOf(kind, name)))
  const waiting = waitingFrom(args, context)
  await giveBack(context, [await settled(kind, after, { client, waiting, context })], false)
  return 0
}

export const standing = async (kind: Kind, name: string, context: Context) =>
  (await context.client()).get(kind, name, context.options.project)
