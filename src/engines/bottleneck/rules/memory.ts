/** Memory: little is left in the guest, and it swaps or reads its programs again and again. */

import { reason } from '#model/plan.ts'
import { mib, percent, type Rule } from '../rule.ts'

const availableUpTo = 0.1
const swappingFrom = 2 ** 20
const faultsFrom = 100

export const memory: Rule = ({ name, figures }) => {
  const {
    memory: size = 0,
    memoryAvailable,
    memoryUsed = 0,
    swapIn = 0,
    swapOut = 0,
    majorFaults = 0,
  } = figures
  if (memoryAvailable === undefined || size <= 0) return undefined
  const available = memoryAvailable / size
  if (available > availableUpTo) return undefined
  const isSwapping = swapIn + swapOut >= swappingFrom
  const strength = isSwapping
    ? 0.97
    : majorFaults >= faultsFrom
      ? 0.92
      : 0.5 + (availableUpTo - available) * 2
  const { ballooned = 0 } = figures
  const facts = { usedMib: mib(memoryUsed), sizeMib: mib(size), percent: percent(available), name }
  // What the balloon took could simply be given back.
  const code = ballooned > size * 0.05 ? 'bound/balloon' : 'bound/memory'
  return { resource: 'memory', strength, reason: reason(code, { ...facts, balloonedMib: mib(ballooned) }) }
}
