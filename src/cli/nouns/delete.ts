/** `decant KIND delete NAME` */

import { bytesText } from '#base/quantity.ts'
import type { Kind } from '#model/kind.ts'
import type { Client, Thing } from '#client/client.ts'
import type { Arguments } from '../arguments.ts'
import { isAgreed, yesFlag } from '../ask.ts'
import type { Context } from '../command.ts'
import { oneLine } from '../width.ts'
import { changeOf, factsOf, forEach, giveBack, namesOf, type Action } from './noun.ts'
import { settle, waitFlag, waitSeconds } from './settle.ts'
import { generationFlag, planFlag, sayRehearsal } from './wishing.ts'

/** What will be lost, by what the object has. */
function lossOf({ status }: Thing, { paper }: Context): string {
  if (typeof status.bootVolume === 'string')
    return paper.text('delete-loses-disk', { volume: oneLine(status.bootVolume) })
  const bytes = status.storedBytes
  if (typeof bytes === 'number' && bytes > 0)
    return paper.text('delete-loses-content', { bytes: bytesText(bytes) })
  return paper.text('delete-loses')
}

async function agrees(kind: Kind, name: string, args: Arguments, context: Context): Promise<boolean> {
  if (args.has('yes')) return true
  const client = await context.client()
  const thing = await client.get(kind, name, context.options.project)
  const facts = { ...factsOf(kind, name), loses: lossOf(thing, context) }
  return isAgreed(context.paper.text('delete-ask', facts), args, context)
}

type Deletion = {
  readonly client: Client
  readonly kind: Kind
  readonly args: Arguments
  readonly context: Context
}

async function deleteOne(
  name: string,
  { client, kind, args, context }: Deletion,
): Promise<Thing | undefined> {
  if (!(await agrees(kind, name, args, context))) return undefined
  const thing = await client.delete(kind, name, changeOf(context, args))
  const seconds = waitSeconds(args, context)
  const isGone =
    kind.deletion === 'at-once' ||
    (seconds !== undefined &&
      (await settle(context, { client, kind, thing, isDone: () => false, seconds, isGoing: true })) ===
        undefined)
  const word = isGone ? 'deleted' : 'deleting'
  if (context.options.format === 'table') context.paper.line(context.paper.text(word, factsOf(kind, name)))
  return thing
}

async function remove(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const names = namesOf(args, context)
  const client = await context.client()
  if (args.has('plan')) {
    for (const name of names)
      await sayRehearsal(
        context,
        await client.rehearse(kind, { op: 'delete', name }, changeOf(context, args)),
      )
    return 0
  }
  const things = await forEach(names, (name) => deleteOne(name, { client, kind, args, context }))
  await giveBack(context, things, names.length > 1)
  return things.length === names.length ? 0 : 3
}

export const deleteAction = (kind: Kind): Action => ({
  name: 'delete',
  summary: 'Delete it, after asking',
  operands: 'NAME…',
  flags: () => [yesFlag, waitFlag, planFlag, generationFlag],
  run: (args, context) => remove(kind, args, context),
})
