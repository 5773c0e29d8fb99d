/** Names: parts of a machine are told apart by them, so each is there once. */

import { macOf } from '#kinds/machine/body-parts.ts'
import { bootDiskName, diskName, nicName } from '#kinds/machine/parts.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

/** The boot disk is called so, by the guest and in its volume's name. */
const taken: ReadonlySet<string> = new Set([bootDiskName, 'boot'])

/** The first place whose key was there before, or nothing. */
function firstTwice(keys: readonly (string | null)[]): number | undefined {
  const place = keys.findIndex((key, at) => key !== null && keys.indexOf(key) < at)
  return place < 0 ? undefined : place
}

export const names: Rule<MachineSpec> = {
  name: 'names',
  check({ spec, document }) {
    const disks = spec.disks.map(diskName)
    const reserved = disks.findIndex((name) => taken.has(name))
    if (reserved >= 0)
      throw fieldProblem(`spec.disks.${reserved}.name`, 'taken', { value: disks[reserved] ?? '' })
    const nics = spec.nics.map(nicName)
    const macs = spec.nics.map(({ mac }, at) => mac ?? macOf(document.id, nics[at] ?? ''))
    const each: readonly (readonly [list: string, field: string, keys: readonly (string | null)[]])[] = [
      ['disks', 'name', disks],
      ['disks', 'volume', spec.disks.map(({ volume }) => volume)],
      ['nics', 'name', nics],
      ['nics', 'mac', macs],
      ['shares', 'tag', spec.shares.map(({ tag }) => tag)],
      ['hostDevices', 'address', spec.hostDevices.map(({ bus, address }) => `${bus} ${address}`)],
    ]
    for (const [list, field, keys] of each) {
      const at = firstTwice(keys)
      if (at !== undefined)
        throw fieldProblem(`spec.${list}.${at}.${field}`, 'twice', { value: keys[at] ?? '' })
    }
  },
}
