/** The neighbours: its CPUs could run and wait, because the host has given its own to others. */

import { reason } from '#model/plan.ts'
import { percent, type Rule } from '../rule.ts'

/** Of its CPUs' time; below that one waits in every queue. */
const waitingFrom = 0.1
/** Of its CPUs' time that it would use if it could. */
const wantedFrom = 0.5
const hostStealFrom = 0.1

export const neighbours: Rule = ({ figures, host }) => {
  const { vcpu = 0, steal = 0 } = figures
  if (steal < waitingFrom || vcpu + steal < wantedFrom) return undefined
  const strength = Math.min(1, 0.5 + steal)
  const hostSteal = host.figures['steal'] ?? 0
  const facts = { percent: percent(steal), host: host.name }
  if (hostSteal >= hostStealFrom) {
    const own = reason('bound/host-steal', { ...facts, hostPercent: percent(hostSteal) })
    return { resource: 'neighbours', strength, reason: own }
  }
  return { resource: 'neighbours', strength, reason: reason('bound/neighbours', facts) }
}
