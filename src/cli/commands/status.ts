/** `decant status`: whether it answers, who one is there, and how the pool is. */

import { kinds } from '#kinds/registry.ts'
import { health, me } from '#client/records.ts'
import type { Client } from '#client/client.ts'
import { noOperands, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { tableLines } from '../table.ts'
import { oneLine } from '../width.ts'

type Count = { readonly kind: string; readonly states: Readonly<Record<string, number>> }

async function countsOf(client: Client, names: readonly string[]): Promise<Count[]> {
  const counted = kinds.filter(({ name }) => names.includes(name))
  return Promise.all(
    counted.map(async (kind) => {
      const states: Record<string, number> = {}
      for await (const { status } of client.each(kind)) {
        const state = oneLine(String(status.state ?? status.phase ?? ''))
        states[state] = (states[state] ?? 0) + 1
      }
      return { kind: kind.name, states }
    }),
  )
}

const statesText = (states: Count['states']) =>
  Object.entries(states)
    .map(([state, count]) => `${count} ${state}`.trim())
    .join(', ')

export async function status(args: Arguments, context: Context): Promise<number> {
  noOperands(args, context.options.language)
  const { paper, options } = context
  const client = await context.client()
  const { url } = client.caller.access
  const [about, self, counts] = await Promise.all([
    health(client),
    me(client),
    countsOf(client, ['host', 'machine', 'image', 'volume']),
  ])
  if (options.format !== 'table') {
    const tallies = Object.fromEntries(counts.map(({ kind, states }) => [kind, states]))
    await paper.data({ url, ...about, user: self.user ?? self, counts: tallies })
    return 0
  }
  paper.line(paper.text('status-runs', { version: oneLine(String(about.version ?? '')), url }))
  const rows = counts.map(({ kind, states }) => [{ text: `  ${kind}` }, { text: statesText(states) || '0' }])
  for (const line of tableLines(rows, paper.columns)) paper.line(line)
  return 0
}
