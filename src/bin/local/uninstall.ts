/** `decant uninstall`: takes away every trace that Decant made on this machine, and says what it kept. */

import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { argumentsFrom, noOperands } from '#cli/arguments.ts'
import { isAgreed, yesFlag } from '#cli/ask.ts'
import type { Context } from '#cli/command.ts'
import { forgetUids } from '#drivers/hypervisor/qemu/jail/uids.ts'
import { layoutOf, type Layout } from '../layout.ts'
import { forceAfter, stopEverything } from './down.ts'
import { forceFlag } from './flags.ts'
import { checkout, removeService } from './systemd.ts'
import { text } from './words.ts'

const emulator = process.arch === 'arm64' ? 'qemu-system-arm' : 'qemu-system-x86'
const packages = [emulator, 'qemu-utils', 'bubblewrap', 'nftables', 'dnsmasq-base', 'e2fsprogs']

/** Removes what we made in the data folder and the folder itself, unless something strange lies in it. */
function removeData(context: Context, { data, run, controller, agent, link }: Layout): string[] {
  for (const path of [agent, controller, link, run]) rmSync(path, { recursive: true, force: true })
  if (context.world.isRoot) forgetUids(agent)
  const strange = existsSync(data) ? readdirSync(data).map((name) => `${data}/${name}`) : []
  if (existsSync(data) && strange.length === 0) rmdirSync(data)
  context.paper.line(text(context, 'removed', { path: data }))
  return strange
}

export async function run(argv: readonly string[], context: Context): Promise<number> {
  const args = argumentsFrom(argv, [forceFlag, yesFlag], context.options.language)
  noOperands(args, context.options.language)
  const seconds = forceAfter(args, context)
  const layout = layoutOf(context.options.data)
  if (!(await isAgreed(text(context, 'uninstall-ask', { data: layout.data }), args, context))) return 3
  if (removeService(context)) context.paper.line(text(context, 'service-removed'))
  // A folder without our lock was never a Decant's: nothing in it is touched.
  const wasOurs = existsSync(layout.lockFile)
  if (wasOurs && !(await stopEverything(context, layout, seconds))) return 1
  const strange = wasOurs ? removeData(context, layout) : []
  const kept = [
    text(context, 'kept-checkout', { path: checkout }),
    text(context, 'kept-packages', { packages: packages.join(', ') }),
    ...strange.map((path) => text(context, 'kept-strange', { path })),
  ]
  for (const what of kept) context.paper.line(text(context, 'kept', { what }))
  return 0
}
