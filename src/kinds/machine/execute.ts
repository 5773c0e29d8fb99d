/** Carries out machine steps: each is one commit to the store. To decide is the planner's work. */

import type { Document } from '#model/document.ts'
import { nameClaim } from '#model/reference.ts'
import type { Change, Store } from '#drivers/store/port.ts'
import type { Json } from '#base/json.ts'
import { guest as guestKind, type GuestDocument, type GuestSpec } from '#kinds/guest/schema.ts'
import { volume as volumeKind, type VolumeDocument, type VolumeSpec } from '#kinds/volume/schema.ts'
import type { Allocation } from './observed.ts'
import type { MachineStep } from './plan.ts'
import type { MachineSeen } from './observe.ts'

type Hands = { [Do in MachineStep['do']]: (step: Extract<MachineStep, { do: Do }>) => Promise<void> }

/** What the hands write through, and what they need to know besides what was seen. */
export type MachineHandsWith = {
  readonly commit: Store['commit']
  readonly newId: () => string
  readonly nowMs: number
  /**
   * Changes that give a machine its share of a host, or take it back; with preconditions. Problem
   * `store/conflict` when it must fit and no longer does: others were quicker.
   */
  readonly allocate: (
    host: string,
    machine: string,
    allocation: Allocation | null,
    mustFit?: boolean,
  ) => readonly Change[]
}

export function machineHands(seen: MachineSeen, on: MachineHandsWith): Hands {
  const { machine, guest, bootVolume, revisions } = seen
  const expect = revisions.machine
  const save = async (...changes: Change[]) => void (await on.commit(changes))
  const guestRemoved: Change[] =
    guest === null ? [] : [{ op: 'remove', kind: 'guest', id: guest.id, expect: revisions.guest }]
  const claim = (claim: string): Change => ({ op: 'claim', claim, holder: machine.id })
  const release = (claim: string): Change => ({ op: 'release', claim, holder: machine.id })
  return {
    place: async ({ host, candidates, allocation }) =>
      save(
        put(
          { ...machine, host, status: { ...machine.status, host, placement: { host, candidates } } },
          expect,
        ),
        ...on.allocate(host, machine.id, allocation, true),
      ),
    allocate: async ({ host, allocation }) =>
      save(check(machine, expect), ...on.allocate(host, machine.id, allocation, seen.allocated !== null)),
    'create-volume': ({ host, spec }) =>
      save(check(machine, expect), ...created(volumeOf(seen, host, spec, on))),
    'grow-volume': ({ sizeMib }) =>
      save(put(grown(bootVolume as VolumeDocument, sizeMib), revisions.bootVolume)),
    'create-guest': ({ host, spec, claims }) =>
      save(check(machine, expect), ...claims.map(claim), ...created(guestOf(seen, host, spec, on))),
    'update-guest': ({ spec, claims, releases }) =>
      save(
        ...releases.map(release),
        ...claims.map(claim),
        put(rewished(guest as GuestDocument, spec), revisions.guest),
      ),
    'remove-guest': ({ spec }) => save(put(rewished(guest as GuestDocument, spec), revisions.guest)),
    'forget-guest': ({ releases }) =>
      save(...guestRemoved, ...(guest === null ? [] : [unnamed(guest)]), ...releases.map(release)),
    'delete-volume': () =>
      save(put({ ...(bootVolume as VolumeDocument), deletingAtMs: on.nowMs }, revisions.bootVolume)),
    forget: () =>
      save(
        { op: 'remove', kind: 'machine', id: machine.id, expect },
        unnamed(machine),
        ...(machine.host === null ? [] : on.allocate(machine.host, machine.id, null)),
      ),
  }
}

const put = (document: Document, expect: number): Change => ({
  op: 'put',
  kind: document.kind,
  id: document.id,
  value: document as unknown as Json,
  expect,
})

const check = (document: Document, expect: number): Change => ({
  op: 'check',
  kind: document.kind,
  id: document.id,
  expect,
})

const created = (document: Document): Change[] => [
  { op: 'claim', claim: nameClaim(document.kind, document.project, document.name), holder: document.id },
  put(document, 0),
]

const unnamed = (document: Document): Change => ({
  op: 'release',
  claim: nameClaim(document.kind, document.project, document.name),
  holder: document.id,
})

const rewished = (guest: GuestDocument, spec: GuestSpec): GuestDocument => ({
  ...guest,
  spec,
  generation: guest.generation + 1,
})

const grown = (volume: VolumeDocument, sizeMib: number): VolumeDocument => ({
  ...volume,
  spec: { ...volume.spec, sizeMib },
  generation: volume.generation + 1,
})

/** What a part of a machine starts with: it belongs to the machine and goes with it. */
const partOf = ({ machine }: MachineSeen, host: string, on: MachineHandsWith) => ({
  id: on.newId(),
  project: machine.project,
  generation: 1,
  version: 1,
  createdAtMs: on.nowMs,
  labels: machine.labels,
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: machine.id,
  host,
})

const guestOf = (seen: MachineSeen, host: string, spec: GuestSpec, on: MachineHandsWith): GuestDocument => ({
  ...partOf(seen, host, on),
  kind: 'guest',
  name: seen.machine.name,
  spec,
  status: guestKind.status.parse({}),
})

const volumeOf = (
  seen: MachineSeen,
  host: string,
  spec: VolumeSpec,
  on: MachineHandsWith,
): VolumeDocument => ({
  ...partOf(seen, host, on),
  kind: 'volume',
  // A machine's name has at most 63 characters, and so has a volume's.
  name: `${seen.machine.name.slice(0, 49).replace(/-+$/, '')}-${seen.machine.id.slice(0, 8)}-boot`,
  spec,
  status: volumeKind.status.parse({}),
})
