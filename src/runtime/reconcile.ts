/**
 * The one loop. It knows no kind: it is handed a way to observe, to decide, to act and to tell.
 *
 * A round takes no hint of what changed. It looks, decides and acts from what it sees, so that the path
 * after a crash is the path of every day. Retrying is a later round, never a loop in here.
 */

import { reason, type Hold, type Plan } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import type { Round } from './queue.ts'

export type Hands<Step extends { readonly do: string }> = {
  readonly [Do in Step['do']]: (step: Extract<Step, { do: Do }>) => Promise<void>
}

export type Reconciler<Seen, Step extends { readonly do: string }, Status> = {
  readonly name: string
  /** Looks: the thing itself, related things, the time. Nothing when there is no such thing any more. */
  observe(id: string): Promise<Seen | undefined>
  plan(seen: Seen): Plan<Step>
  /** What people are told; `holds` are those of the plan, with the failure of a step added. */
  report(seen: Seen, plan: Plan<Step>): Status
  hands(seen: Seen): Hands<Step>
  /** A hold that says more than the problem of a failed step does. */
  explain?(fault: Problem): Hold | undefined
  /** Records the status if it differs from what is recorded. */
  tell(seen: Seen, status: Status): Promise<void>
}

/** Called before each step: the simulator stops the program here. */
export type BeforeStep = (name: string, id: string, step: { readonly do: string }) => void

/**
 * One round. After steps it asks to look again at once, and tells the status only when there was nothing
 * more to do or a step failed: people hear of states, not of every move.
 */
export async function round<Seen, Step extends { readonly do: string }, Status>(
  reconciler: Reconciler<Seen, Step, Status>,
  id: string,
  beforeStep: BeforeStep = () => {},
): Promise<Round> {
  try {
    return await attempt(reconciler, id, beforeStep)
  } catch (fault) {
    if (isPassing(fault)) return { againMs: 20 }
    throw fault
  }
}

async function attempt<Seen, Step extends { readonly do: string }, Status>(
  reconciler: Reconciler<Seen, Step, Status>,
  id: string,
  beforeStep: BeforeStep,
): Promise<Round> {
  const seen = await reconciler.observe(id)
  if (seen === undefined) return {}
  const plan = reconciler.plan(seen)
  const fault = await carryOut(reconciler, seen, plan, (step) => beforeStep(reconciler.name, id, step))
  if (fault === undefined && plan.steps.length > 0) return { againMs: 0 }
  if (isPassing(fault)) throw fault
  const told = fault === undefined ? plan : { ...plan, holds: [...plan.holds, failure(reconciler, fault)] }
  await reconciler.tell(seen, reconciler.report(seen, told))
  if (fault !== undefined) throw fault
  return plan.againMs === undefined ? {} : { againMs: plan.againMs }
}

async function carryOut<Seen, Step extends { readonly do: string }, Status>(
  reconciler: Reconciler<Seen, Step, Status>,
  seen: Seen,
  plan: Plan<Step>,
  beforeStep: (step: Step) => void,
): Promise<unknown> {
  if (plan.steps.length === 0) return undefined
  const hands = reconciler.hands(seen)
  for (const step of plan.steps) {
    try {
      beforeStep(step)
      await (hands[step.do as Step['do']] as (step: Step) => Promise<void>)(step)
    } catch (fault) {
      return fault
    }
  }
  return undefined
}

/** Two commits met, or the watch is behind: no news for people, another round will do. */
const isPassing = (fault: unknown) => fault instanceof Problem && fault.code === 'store/conflict'

function failure({ explain }: Pick<Reconciler<never, never, never>, 'explain'>, fault: unknown): Hold {
  const explained = fault instanceof Problem ? explain?.(fault) : undefined
  if (explained !== undefined) return explained
  const code = fault instanceof Problem ? fault.code : 'bug'
  return reason('object/failed', { code, why: story(fault).slice(0, 400) })
}
