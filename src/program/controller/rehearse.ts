/** Works out what a change would lead to with the planners that would carry it out; touches nothing. */

import type { JsonObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Hold } from '#model/plan.ts'
import { foreseeMachine } from '#kinds/machine/foresee.ts'
import { observeMachine } from '#kinds/machine/observe.ts'
import type { MachineObserved } from '#kinds/machine/observed.ts'
import { planMachine, type MachineStep } from '#kinds/machine/plan.ts'
import { tellMachineStep } from '#kinds/machine/telling.ts'
import { predictedState, reportMachine } from '#kinds/machine/report.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import type { Rehearsal } from '../desk.ts'
import type { HostAllocations } from './allocations.ts'

/** More rounds than any change of one machine takes; a plan that does not settle is shown as far as that. */
const roundsAtMost = 32

export function rehearseWith(replica: Replica, allocations: HostAllocations) {
  return (before: Document | undefined, after: Document): Rehearsal => {
    if (after.kind === 'machine') return rehearseMachine(after as MachineDocument, replica, allocations)
    const isGone = after.deletingAtMs !== null
    const step = isGone ? 'delete' : before === undefined ? 'create' : 'change'
    return {
      steps: [{ do: step, code: `object/${step}`, facts: { kind: after.kind, name: after.name } }],
      holds: [],
      predicted: isGone ? null : after,
    }
  }
}

function rehearseMachine(after: MachineDocument, replica: Replica, allocations: HostAllocations): Rehearsal {
  let seen: MachineObserved = observeMachine(after, 0, replica, allocations)
  const steps: JsonObject[] = []
  let holds: readonly Hold[] = []
  for (let round = 0; round < roundsAtMost; round++) {
    const plan = planMachine(after.spec, seen)
    holds = plan.holds
    if (plan.steps.length === 0) break
    for (const step of plan.steps) {
      steps.push(...shown(step, seen))
      if (step.do === 'forget') return { steps, holds, predicted: null }
      seen = foreseeMachine(seen, step)
    }
  }
  return { steps, holds, predicted: predicted(after, seen, holds) }
}

function predicted(after: MachineDocument, seen: MachineObserved, holds: readonly Hold[]): Document {
  const plan = { steps: [], holds }
  const status = reportMachine(after.spec, seen, plan, after.status.sinceMs)
  return { ...after, host: seen.machine.host, status: { ...status, state: predictedState(after.spec, plan) } }
}

/** The step itself, and what people read of it, once for each thing that it does. */
const shown = (step: MachineStep, seen: MachineObserved) =>
  tellMachineStep(step, seen).map((told) => ({ ...step, ...told }) as unknown as JsonObject)
