/** A datastore that looks before each work whether it is still the one that was opened. */

import { Problem } from '#model/problem.ts'
import { reasons } from '#model/catalogue/reasons.ts'
import type { Reason } from '#model/plan.ts'
import { say } from '#model/sentence.ts'
import type { Datastore } from '#drivers/datastore/port.ts'

/** Problem `datastore/failed` instead of the work while `check` gives a reason. */
export function guarded(datastore: Datastore, check: () => Promise<Reason | undefined>): Datastore {
  return new Proxy(datastore, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      return async (...words: unknown[]) => {
        const fault = await check()
        if (fault !== undefined) throw unusable(target.name, fault)
        return (await Reflect.apply(member, target, words)) as unknown
      }
    },
  })
}

/** A reason as the problem of a work; `reasonIn` finds it again. */
export const unusable = (datastore: string, { code, facts }: Reason) =>
  new Problem('datastore/failed', { ...facts, datastore, reason: code, why: say(reasons[code], facts) })

export function reasonIn(fault: unknown): Reason | undefined {
  if (!(fault instanceof Problem)) return undefined
  const { reason: code, ...facts } = fault.facts
  return typeof code === 'string' && code in reasons ? { code: code as Reason['code'], facts } : undefined
}
