/** Chooses a host for a machine. Equal scores fall to the name, so that plans repeat. */

import type { Reason } from '#model/plan.ts'
import { cpu } from './rules/cpu.ts'
import { devices } from './rules/devices.ts'
import { fit } from './rules/fit.ts'
import { network } from './rules/network.ts'
import { pages } from './rules/pages.ts'
import { reach } from './rules/reach.ts'
import { ready } from './rules/ready.ts'
import { room } from './rules/room.ts'
import { shares } from './rules/shares.ts'
import type { Ask, Candidate, Rule } from './rule.ts'

/** Every rule there is, in the order in which refusals are told. Adding one is a file and a line. */
export const rules: readonly Rule[] = [ready, fit, cpu, reach, network, devices, shares, pages, room]

export type Refusal = { readonly host: string; readonly rule: string; readonly reason: Reason }

export type Placement =
  | { readonly isPlaced: true; readonly host: string; readonly score: number; readonly candidates: number }
  | { readonly isPlaced: false; readonly refusals: readonly Refusal[] }

/** One pass over the hosts; reasons for the refused are gathered only when nobody is left. */
export function place(ask: Ask, hosts: Iterable<Candidate>): Placement {
  let best: { readonly host: string; readonly score: number } | undefined
  let candidates = 0
  const refused: Candidate[] = []
  for (const host of hosts) {
    if (rules.some((rule) => rule.forbids?.(host, ask) !== undefined)) {
      refused.push(host)
      continue
    }
    candidates++
    const score = rules.reduce((sum, rule) => sum + (rule.prefers?.(host, ask) ?? 0), 0)
    if (best === undefined || score > best.score || (score === best.score && host.name < best.host)) {
      best = { host: host.name, score }
    }
  }
  if (best !== undefined) return { isPlaced: true, ...best, candidates }
  return { isPlaced: false, refusals: refused.map((host) => refusalOf(host, ask)) }
}

function refusalOf(host: Candidate, ask: Ask): Refusal {
  for (const rule of rules) {
    const because = rule.forbids?.(host, ask)
    if (because !== undefined) return { host: host.name, rule: rule.name, reason: because }
  }
  return { host: host.name, rule: 'none', reason: { code: 'placement/host-not-ready', facts: {} } }
}
