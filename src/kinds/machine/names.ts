/**
 * Names for the parts of a machine that a person has not named, so that a part stays itself while others come and
 * go. A part without a name is the one of before that is alike: the same in all, else the same volume or
 * network, else the next of those made for the machine. Pure.
 */

import { same } from '#base/json.ts'
import type { MachineSpec } from './spec.ts'

type Part = { readonly name?: string | undefined }

type Kin<P> = {
  readonly prefix: string
  /** The first number of a new name. */
  readonly first: number
  /** Whether a nameless part may be one of before, from the surest likeness to the least. */
  readonly alike: readonly ((part: P, before: P) => boolean)[]
}

const isSame = (a: Part, b: Part) => same({ ...a, name: '' }, { ...b, name: '' })

type Disk = MachineSpec['disks'][number]
type Nic = MachineSpec['nics'][number]

const disks: Kin<Disk> = {
  prefix: 'disk',
  first: 1,
  alike: [isSame, (a, b) => a.volume === b.volume],
}

const nics: Kin<Nic> = {
  prefix: 'net',
  first: 0,
  alike: [isSame, (a, b) => a.network === b.network && a.mac === b.mac, () => true],
}

/** The wish with a name for each disk and NIC. */
export const withNames = (spec: MachineSpec, before: MachineSpec | undefined): MachineSpec => ({
  ...spec,
  disks: named(spec.disks, before?.disks ?? [], disks),
  nics: named(spec.nics, before?.nics ?? [], nics),
})

function named<P extends Part>(parts: readonly P[], before: readonly P[], kin: Kin<P>): P[] {
  const given = new Set(parts.flatMap(({ name }) => name ?? []))
  const isMine = new RegExp(`^${kin.prefix}\\d+$`)
  // Only what was never named by a person can be meant without its name.
  const free = new Set(
    before.filter(({ name }) => name !== undefined && isMine.test(name) && !given.has(name)),
  )
  const found = new Map<P, string>()
  for (const isAlike of kin.alike)
    for (const part of parts) {
      if (part.name !== undefined || found.has(part)) continue
      const match = [...free].find((one) => isAlike(part, one))
      if (match?.name === undefined) continue
      free.delete(match)
      found.set(part, match.name)
    }
  const taken = new Set([...given, ...before.flatMap(({ name }) => name ?? []), ...found.values()])
  return parts.map((part) => {
    if (part.name !== undefined) return part
    const name = found.get(part) ?? freeName(kin, taken)
    taken.add(name)
    return { ...part, name }
  })
}

function freeName(
  { prefix, first }: { readonly prefix: string; readonly first: number },
  taken: ReadonlySet<string>,
) {
  for (let count = first; ; count++) if (!taken.has(`${prefix}${count}`)) return `${prefix}${count}`
}
