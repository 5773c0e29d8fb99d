/** A reason as the problem that a caller gets. */

import { reasons } from '#model/catalogue/reasons.ts'
import type { Reason } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import { say } from '#model/sentence.ts'

export const refused = ({ code, facts }: Reason) =>
  new Problem('object/refused', { ...facts, reason: code, why: say(reasons[code], facts) })
