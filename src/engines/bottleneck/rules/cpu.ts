/** Its own CPUs: all of them busy, and the host gives what they ask for. */

import { reason } from '#model/plan.ts'
import { percent, type Rule } from '../rule.ts'

const busyFrom = 0.8
/** Of the time in which it could run; beyond it the neighbours are the matter. */
const waitingUpTo = 0.15

export const cpu: Rule = ({ name, cpus, figures }) => {
  const { vcpu, steal = 0 } = figures
  if (vcpu === undefined || vcpu < busyFrom || steal > waitingUpTo) return undefined
  const facts = { percent: percent(vcpu), cpus, name }
  return { resource: 'cpu', strength: vcpu, reason: reason('bound/cpu', facts) }
}
