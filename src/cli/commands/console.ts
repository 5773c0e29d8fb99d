/** `decant console NAME`: the serial console, also across a reboot of the guest. */

import { present } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Client } from '#client/client.ts'
import { openConsole, type Console } from '#client/console.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { attached, openKeyboard, type Keyboard, type Left } from '../terminal.ts'
import { oneLine } from '../width.ts'

const machine = () => present(kindNamed('machine'), 'there are machines')

/** States in which a console is there or will be soon. */
const alive = new Set(['starting', 'running', 'paused', 'stopping', 'pending', 'unknown'])
/** A guest that reboots is away for seconds; a controller that restarts, too. */
const awayMs = 120_000
const againMs = 500

const isPassing = (error: unknown) =>
  error instanceof Problem &&
  ['start/unreachable', 'start/not-running', 'guest/absent', 'host/silent', 'link/lost'].includes(error.code)

export type Attaching = {
  readonly client: Client
  readonly name: string
  readonly project: string | undefined
  readonly lingerMs: number
}

async function isAlive({ client, name, project }: Attaching): Promise<boolean> {
  const thing = await client.get(machine(), name, project)
  return alive.has(String(thing.status.state)) && thing.spec.power !== 'off' && thing.deletingAtMs === null
}

/** The console once there is one again; nothing when the machine no longer runs, or the person left. */
async function reopened(
  attaching: Attaching,
  context: Context,
  hasLeft: () => boolean,
): Promise<Console | undefined> {
  const { client, name, project } = attaching
  const signal = context.world.interrupted
  const endMs = context.world.nowMs() + awayMs
  while (!hasLeft() && !signal.aborted) {
    try {
      if (!(await isAlive(attaching))) return undefined
      return await openConsole(client, { kind: machine(), name, project, type: 'serial', signal })
    } catch (error) {
      if (!isPassing(error) || context.world.nowMs() > endMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, againMs))
  }
  return undefined
}

async function attachedUntilLeft(
  first: Console,
  keyboard: Keyboard,
  attaching: Attaching,
  context: Context,
): Promise<Left> {
  const { paper, world } = context
  let hasLeft = false
  void keyboard.detached.then(() => (hasLeft = true))
  let console: Console | undefined = first
  while (console !== undefined) {
    const left: Left = await attached(console, {
      keyboard,
      stdout: world.stdout,
      lingerMs: attaching.lingerMs,
    })
    if (left !== 'ended') return left
    const why = oneLine(await console.closed)
    console = await reopened(attaching, context, () => hasLeft)
    if (console !== undefined)
      paper.note(`\r\n${paper.text('console-again', { name: oneLine(attaching.name), why })}\r`)
  }
  return hasLeft ? 'detached' : 'ended'
}

/** Attaches until the person leaves or the machine ends. */
export async function attach(attaching: Attaching, context: Context): Promise<Left> {
  const { paper, world } = context
  const { client, project } = attaching
  const name = oneLine(attaching.name)
  const opening = {
    kind: machine(),
    name: attaching.name,
    project,
    type: 'serial',
    signal: world.interrupted,
  } as const
  const console = await openConsole(client, opening)
  const isPerson = world.stdin.isTTY === true
  if (isPerson) paper.note(paper.text('console-entry', { name }))
  const keyboard = openKeyboard(world)
  try {
    const left = await attachedUntilLeft(console, keyboard, attaching, context)
    // A guest may have left its colours on.
    if (world.stdout.isTTY === true) world.stdout.write('\u001b[0m\r\n')
    if (isPerson) paper.note(paper.text(left === 'ended' ? 'console-ended' : 'console-left', { name }))
    return left
  } finally {
    keyboard.close()
  }
}

export function lingerMs(args: Arguments, context: Context): number {
  const text = args.one('linger') ?? '2'
  if (/^\d{1,5}(\.\d+)?$/.test(text)) return Number(text) * 1000
  throw usage(context.options.language, 'flag-read', {
    flag: '--linger',
    wanted: 'a number of seconds',
    value: text,
  })
}

export async function console(args: Arguments, context: Context): Promise<number> {
  const name = onlyOperand(args, 'NAME', context.options.language)
  const linger = lingerMs(args, context)
  const client = await context.client()
  await attach({ client, name, project: context.options.project, lingerMs: linger }, context)
  return 0
}
