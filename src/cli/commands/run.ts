/** `decant run IMAGE`: create, wait, attach; with `--rm`, delete afterwards. */

import { randomBytes } from 'node:crypto'
import { present } from '#base/assert.ts'
import { limits } from '#model/limits.ts'
import { referenceFrom } from '#model/reference.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Client, Thing } from '#client/client.ts'
import { onlyOperand, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { created } from '../nouns/create.ts'
import { giveBack } from '../nouns/noun.ts'
import { attach, lingerMs } from './console.ts'

const machine = () => present(kindNamed('machine'), 'there are machines')

const madeUpName = (image: string) =>
  `${referenceFrom(image).name.slice(0, limits.nameChars - 7)}-${randomBytes(3).toString('hex')}`

/** The words of `run` as those of `machine create`: with the image, and always waiting. */
const asCreation = (args: Arguments, image: string): Arguments => ({
  ...args,
  all: (name) => (name === 'image' ? [image] : args.all(name)),
  one: (name) => (name === 'wait' ? (args.one('wait') ?? '') : args.one(name)),
})

async function removed(client: Client, thing: Thing, context: Context): Promise<void> {
  const { name } = thing
  await client.delete(machine(), name, { project: context.options.project })
  context.paper.note(context.paper.text('deleting', { kind: 'machine', name }))
}

export async function run(args: Arguments, context: Context): Promise<number> {
  const image = onlyOperand(args, 'IMAGE', context.options.language)
  const name = args.one('name') ?? madeUpName(image)
  const [linger, client] = [lingerMs(args, context), await context.client()]
  const thing = await created(machine(), { name }, asCreation(args, image), context)
  if (args.has('detach')) {
    await giveBack(context, [thing], false)
    return 0
  }
  const { project } = context.options
  try {
    await attach({ client, name, project, lingerMs: linger }, context)
  } finally {
    if (args.has('rm')) await removed(client, thing, context)
  }
  return 0
}
