/** The host's memory: parts of the guest lie in the host's swap, and the host reads them back. */

import { reason } from '#model/plan.ts'
import { mib, type Rule } from '../rule.ts'

const swappedFrom = 0.02
const readingFrom = 2 ** 20
const pressureFrom = 0.05

export const hostMemory: Rule = ({ figures, host }) => {
  const { hostSwapped = 0, memory: size = 0 } = figures
  if (size <= 0 || hostSwapped < size * swappedFrom) return undefined
  const { swapIn = 0, memoryPressure = 0 } = host.figures
  if (swapIn < readingFrom && memoryPressure < pressureFrom) return undefined
  const facts = { swappedMib: mib(hostSwapped), host: host.name }
  return { resource: 'neighbours', strength: 0.95, reason: reason('bound/host-memory', facts) }
}
