/** Asks a person for a yes before something is lost. */

import { createInterface } from 'node:readline/promises'
import { usage, type Arguments } from './arguments.ts'
import type { Context, Flag } from './command.ts'

export const yesFlag: Flag = { name: 'yes', short: 'y', summary: 'Do not ask' }

/** Whether to go on: `--yes`, or a yes on the terminal. Problem `usage/unknown` when nobody can be asked. */
export async function isAgreed(question: string, args: Arguments, context: Context): Promise<boolean> {
  if (args.has('yes')) return true
  const { world, paper, options } = context
  if (world.stdin.isTTY !== true || world.stderr.isTTY !== true)
    throw usage(options.language, 'ask-needs-yes')
  const lines = createInterface({ input: world.stdin, output: world.stderr as NodeJS.WriteStream })
  try {
    const answer = await lines.question(`${question} ${paper.text('ask-form')}`, {
      signal: world.interrupted,
    })
    const isYes = /^(y|yes|예|네)$/i.test(answer.trim())
    if (!isYes) paper.note(paper.text('declined'))
    return isYes
  } finally {
    lines.close()
  }
}
