/** What bounds a machine now: every rule is asked, the strongest answer is the finding. */

import { reason } from '#model/plan.ts'
import { cpu } from './rules/cpu.ts'
import { disk } from './rules/disk.ts'
import { diskLimit } from './rules/disk-limit.ts'
import { hostMemory } from './rules/host-memory.ts'
import { memory } from './rules/memory.ts'
import { neighbours } from './rules/neighbours.ts'
import { network } from './rules/network.ts'
import { oneCpu } from './rules/one-cpu.ts'
import { percent, type Finding, type Rule, type Situation } from './rule.ts'

/** Every rule there is; of two that are as strong the earlier is told. Adding one is a file and a line. */
export const rules: readonly Rule[] = [memory, hostMemory, diskLimit, neighbours, cpu, disk, network, oneCpu]

/** Weaker ones say nothing that somebody would act on. */
const toldFrom = 0.5

export type Found = Finding & { readonly also: readonly Finding[] }

/** `undefined`: nobody measured it in the last minutes. */
export function findBottleneck(situation: Situation | undefined): Found {
  if (situation === undefined)
    return { resource: 'unknown', strength: 0, reason: reason('bound/unknown'), also: [] }
  const findings = rules
    .flatMap((rule) => rule(situation) ?? [])
    .filter(({ strength }) => strength >= toldFrom)
    .toSorted((a, b) => b.strength - a.strength)
    .map((finding) => ({ ...finding, strength: Math.min(1, Math.round(finding.strength * 100) / 100) }))
  const [strongest, ...also] = findings
  return strongest === undefined ? { ...nothingIn(situation), also: [] } : { ...strongest, also }
}

function nothingIn({ figures, cpus }: Situation): Finding {
  const share = figures['vcpu'] ?? (figures['cpu'] ?? 0) / Math.max(1, cpus)
  return {
    resource: 'nothing',
    strength: 0,
    reason: reason('bound/nothing', { percent: percent(Math.min(1, share)) }),
  }
}
