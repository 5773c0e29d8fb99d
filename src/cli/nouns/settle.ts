/** Waits for a wish to come true and says meanwhile what it is waiting for. */

import type { Kind } from '#model/kind.ts'
import { waitsForPerson, waitsForStart } from '#model/catalogue/waits.ts'
import type { Reason } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import { durationText } from '#base/quantity.ts'
import { isObject } from '#base/json.ts'
import type { Client, Thing } from '#client/client.ts'
import { holdsFrom } from '#client/answers.ts'
import { waitFor } from '#client/watch.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { holdText } from '../describe.ts'
import { oneLine } from '../width.ts'
import { showCommand } from './noun.ts'

const usualSeconds = 300

export const waitFlag: Flag = {
  name: 'wait',
  value: 'SECONDS',
  isValueOptional: true,
  summary: `Wait until it is so, at most ${usualSeconds} seconds; \`ready\`: until the guest says so`,
}

/** A first boot that installs packages takes minutes. */
const readySeconds = 900

export type WaitingFor = {
  readonly seconds: number
  /** Whether the guest itself must say that it is done. */
  readonly isUntilReady: boolean
}

/** For how long, and for what; nothing when `--wait` was not given. */
export function waitingFrom(args: Arguments, context: Context): WaitingFor | undefined {
  if (args.one('wait') === 'ready') return { seconds: readySeconds, isUntilReady: true }
  const seconds = waitSeconds(args, context)
  return seconds === undefined ? undefined : { seconds, isUntilReady: false }
}

/** How long to wait; nothing when `--wait` was not given. */
export function waitSeconds(args: Arguments, context: Context): number | undefined {
  const text = args.one('wait')
  if (text === undefined || text === 'false') return undefined
  if (text === '') return usualSeconds
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (seconds > 0) return seconds
  throw usage(context.options.language, 'flag-read', {
    flag: '--wait',
    wanted: 'a number of seconds or `ready`',
    value: text,
  })
}

function failureOf({ kind, isUntilReady }: Settling, thing: Thing, context: Context): Problem | undefined {
  const holds = holdsFrom(thing.status.holds)
  // A first boot that failed inside does not come to its end by itself.
  const inside = holds.find(({ code }) => String(code) === 'guest/cloud-init-failed') as Reason | undefined
  const reason: Reason | undefined = kind.hasFailed?.(thing) ?? (isUntilReady === true ? inside : undefined)
  if (reason === undefined) return undefined
  return new Problem('object/failed', {
    kind: kind.name,
    name: thing.name,
    why: holdText(reason, context.options.language),
  })
}

/** What it does now, and why not more. */
function nowText(thing: Thing, context: Context): string {
  const { state, phase, progress } = thing.status
  const stage = oneLine(String(state ?? phase ?? ''))
  const [hold] = holdsFrom(thing.status.holds)
  const why = hold === undefined ? '' : `: ${holdText(hold, context.options.language)}`
  return `${stage}${isObject(progress) ? `, ${progressText(progress)}` : why}`
}

function progressText({ step, fraction, etaSeconds }: Record<string, unknown>): string {
  const share = typeof fraction === 'number' ? ` ${Math.floor(fraction * 100)}%` : ''
  const eta = typeof etaSeconds === 'number' ? ` (${durationText(etaSeconds)})` : ''
  return `${oneLine(String(step))}${share}${eta}`
}

/** What of a wish has not come true and comes with a new start, or when somebody does something. */
export function sayWhatWaits(thing: Thing, { paper, options }: Context): void {
  if (options.format !== 'table') return
  const holds = holdsFrom(thing.status.holds) as (ReturnType<typeof holdsFrom>[number] &
    Pick<Reason, 'code'>)[]
  for (const hold of holds.filter((one) => waitsForStart(one) || waitsForPerson(one)))
    paper.line(`  ${holdText(hold, options.language)}`)
}

export type Settling = {
  readonly client: Client
  readonly kind: Kind
  readonly thing: Thing
  readonly isDone: (thing: Thing) => boolean
  readonly seconds: number
  /** Whether the guest itself must say that it is done. */
  readonly isUntilReady?: boolean
  /** Deletion waits for its end whatever fails on the way. */
  readonly isGoing?: boolean
}

/** The object as waited for; nothing when it is gone. On Ctrl-C it says that the work goes on. */
export async function settle(context: Context, settling: Settling): Promise<Thing | undefined> {
  const { client, kind, thing, isDone, seconds, isGoing = false } = settling
  const { paper, world } = context
  const startedMs = world.nowMs()
  let said = ''
  let last = thing
  const tick = () => {
    const text = nowText(last, context)
    const line = `${kind.name} ${oneLine(thing.name)} ${text}`
    paper.fleeting(`${line} · ${durationText((world.nowMs() - startedMs) / 1000)}`)
    if (!paper.isLive && text !== said && !isDone(last)) paper.note(line)
    said = text
  }
  const timer = setInterval(tick, 1000)
  try {
    return await waitFor(client, kind, thing, {
      isDone,
      seconds,
      signal: world.interrupted,
      ...(isGoing ? {} : { failure: (seen) => failureOf(settling, seen, context) }),
      onSight(seen) {
        last = seen
        tick()
      },
    })
  } catch (error) {
    paper.fleeting('')
    if (world.interrupted.aborted) paper.note(paper.text('goes-on', { command: showCommand(kind, thing) }))
    throw error
  } finally {
    clearInterval(timer)
    paper.fleeting('')
  }
}
