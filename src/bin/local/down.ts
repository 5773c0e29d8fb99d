/** `decant down`: stops the machines of this host, gracefully and then by force, and Decant itself. */

import { closeSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { quantityFrom } from '#base/quantity.ts'
import { argumentsFrom, noOperands, usage, type Arguments } from '#cli/arguments.ts'
import type { Context } from '#cli/command.ts'
import type { Client } from '#client/client.ts'
import { Problem } from '#model/problem.ts'
import { layoutOf, type Layout } from '../layout.ts'
import { networkingOf } from '../networking.ts'
import { forceFlag, usualForceSeconds } from './flags.ts'
import { localClient, stopGuests, stopMachines } from './stopping.ts'
import { endDecant, holdPlace, supervisorOf } from './supervisor.ts'
import { text } from './words.ts'

export function forceAfter(args: Arguments, context: Context): number {
  const value = args.one('force-after') ?? String(usualForceSeconds)
  const seconds = quantityFrom(value, 'seconds')
  if (seconds !== undefined && seconds <= 3600) return Math.round(seconds)
  const wanted = 'a time such as 30s, at most 1h'
  throw usage(context.options.language, 'flag-read', { flag: '--force-after', wanted, value })
}

/** The way to the controller, if it answers. */
async function answering(context: Context): Promise<Client | undefined> {
  try {
    const client = await localClient(context)
    await client.caller.json('/api/health', { timeoutMs: 5_000 })
    return client
  } catch (error) {
    if (error instanceof Problem) return undefined
    throw error
  }
}

/** Stops all machines and Decant; says whether nothing runs any more. */
export async function stopEverything(
  context: Context,
  layout: Layout,
  forceAfterSeconds: number,
): Promise<boolean> {
  const isRunning = supervisorOf(layout) !== undefined
  const client = isRunning ? await answering(context) : undefined
  if (client !== undefined && !(await stopMachines(context, client, forceAfterSeconds))) {
    context.paper.line(text(context, 'goes-on-trying'))
    return false
  }
  if (isRunning && client === undefined) context.paper.line(text(context, 'not-answering'))
  if (!(await endDecant(layout))) return false
  const place = await holdPlace(layout)
  try {
    // Also those that nobody wished for any more, and those of a controller that did not answer.
    const areStopped = await stopGuests(context, layout, forceAfterSeconds)
    if (areStopped && existsSync(join(layout.agent, 'networks'))) await networkingOf(layout).driver.clear()
    rmSync(layout.endpointFile, { force: true })
    return areStopped
  } finally {
    closeSync(place)
  }
}

export async function run(argv: readonly string[], context: Context): Promise<number> {
  const args = argumentsFrom(argv, [forceFlag], context.options.language)
  noOperands(args, context.options.language)
  const seconds = forceAfter(args, context)
  const layout = layoutOf(context.options.data)
  if (!existsSync(layout.lockFile)) throw new Problem('start/not-running', { data: layout.data })
  const isDown = await stopEverything(context, layout, seconds)
  if (isDown) context.paper.line(text(context, 'decant-stopped'))
  return isDown ? 0 : 1
}
