/** A NIC: the bound that was set for it is reached, or packets are dropped on the way. */

import { reason } from '#model/plan.ts'
import { percent, type Finding, type Rule, type Situation } from '../rule.ts'

const reachedFrom = 0.9
const droppedFrom = 0.01
const droppedAtLeast = 10

export const network: Rule = (situation) => {
  let worst: Finding | undefined
  for (const nic of situation.nics) {
    const found = atLimit(situation, nic) ?? dropping(situation, nic)
    if (found !== undefined && found.strength > (worst?.strength ?? 0)) worst = found
  }
  return worst
}

type Nic = Situation['nics'][number]

function atLimit({ figures }: Situation, { id, mbitIn, mbitOut }: Nic): Finding | undefined {
  const part = (figure: string, mbit: number | null) =>
    mbit === null || mbit <= 0 ? 0 : ((figures[`${id}.${figure}`] ?? 0) * 8) / 1e6 / mbit
  const [into, out] = [part('receivedBytes', mbitIn), part('sentBytes', mbitOut)]
  const reached = Math.max(into, out)
  if (reached < reachedFrom) return undefined
  const facts = {
    nic: id,
    percent: percent(Math.min(1, reached)),
    mbit: (into > out ? mbitIn : mbitOut) ?? 0,
  }
  return { resource: 'network', strength: Math.min(1, reached), reason: reason('bound/network-limit', facts) }
}

function dropping({ figures }: Situation, { id }: Nic): Finding | undefined {
  const of = (figure: string) => figures[`${id}.${figure}`] ?? 0
  const dropped = of('dropped')
  const all = of('receivedPackets') + of('sentPackets') + dropped
  if (dropped < droppedAtLeast || dropped < all * droppedFrom) return undefined
  const facts = { nic: id, dropped: Math.round(dropped), percent: percent(dropped / all) }
  const strength = Math.min(0.9, 0.6 + dropped / all)
  return { resource: 'network', strength, reason: reason('bound/network-drops', facts) }
}
