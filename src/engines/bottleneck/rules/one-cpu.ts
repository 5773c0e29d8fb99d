/** One of its CPUs: a single thread does the work, and more CPUs would not help it. */

import { reason } from '#model/plan.ts'
import { percent, type Rule } from '../rule.ts'

const busyFrom = 0.9
const othersUpTo = 0.8

export const oneCpu: Rule = ({ cpus, figures }) => {
  const { vcpu, vcpuBusiest, steal = 0 } = figures
  if (vcpu === undefined || vcpuBusiest === undefined || cpus < 2) return undefined
  if (vcpuBusiest < busyFrom || vcpu >= othersUpTo || steal > 0.15) return undefined
  const facts = { percent: percent(vcpuBusiest), cpus }
  return { resource: 'cpu', strength: vcpuBusiest * 0.8, reason: reason('bound/one-cpu', facts) }
}
