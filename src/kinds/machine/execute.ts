/** Carries out machine steps: each is one commit to the store. To decide is the planner's work. */

import { present } from '#base/assert.ts'
import type { Json } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { nameClaim } from '#model/reference.ts'
import type { Change, Store } from '#drivers/store/port.ts'
import { guest as guestKind, type GuestDocument, type GuestSpec } from '#kinds/guest/schema.ts'
import { snapshot as snapshotKind, type SnapshotDocument } from '#kinds/snapshot/schema.ts'
import { volume as volumeKind, type VolumeDocument, type VolumeSpec } from '#kinds/volume/schema.ts'
import type { Allocation } from './observed.ts'
import type { MachineStep } from './plan-step.ts'
import type { MachineSeen } from './observe.ts'
import type { MachineStatus } from './schema.ts'

type Hands = { [Do in MachineStep['do']]: (step: Extract<MachineStep, { do: Do }>) => Promise<void> }
type Step<Do extends MachineStep['do']> = Extract<MachineStep, { do: Do }>

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
  /** Tells people of a volume that is its own from now on. */
  readonly kept: (volume: VolumeDocument) => void
}

export function machineHands(seen: MachineSeen, on: MachineHandsWith): Hands {
  const { machine, guest, revisions } = seen
  const expect = revisions.machine
  const save = async (...changes: Change[]) => void (await on.commit(changes))
  const saveStatus = (status: Partial<MachineStatus>, ...changes: Change[]) =>
    save(put({ ...machine, status: { ...machine.status, ...status } }, expect), ...changes)
  const guestRemoved: Change[] =
    guest === null ? [] : [{ op: 'remove', kind: 'guest', id: guest.id, expect: revisions.guest }]
  const claim = (claim: string): Change => ({ op: 'claim', claim, holder: machine.id })
  const release = (claim: string): Change => ({ op: 'release', claim, holder: machine.id })
  return {
    ...volumeHands(seen, on),
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
    'revert-volumes': ({ snapshot, reverting }) =>
      saveStatus({ reverting }, ...turnedBack(seen, snapshot, reverting)),
    'end-revert': ({ at, snapshot, memoryOf }) =>
      saveStatus({ revertedAt: at, reverting: null, snapshot, memoryOf }),
    forget: () =>
      save(
        { op: 'remove', kind: 'machine', id: machine.id, expect },
        unnamed(machine),
        ...(machine.host === null ? [] : on.allocate(machine.host, machine.id, null)),
      ),
  }
}

type VolumeDo =
  | 'create-snapshot'
  | 'delete-snapshot'
  | 'create-volume'
  | 'grow-volume'
  | 'release-volume'
  | 'delete-volume'

/** The hands that deal in volumes, and in the snapshot that a clone starts with. */
function volumeHands(seen: MachineSeen, on: MachineHandsWith): Pick<Hands, VolumeDo> {
  const { machine, revisions, source } = seen
  const save = async (...changes: Change[]) => void (await on.commit(changes))
  const edit = (id: string, edited: (volume: VolumeDocument) => VolumeDocument) =>
    put(edited(volumeIn(seen, id)), revisions.volumes.get(id) ?? 0)
  return {
    'create-snapshot': (step) =>
      save(check(machine, revisions.machine), ...created(snapshotOf(seen, step, on))),
    'delete-snapshot': () =>
      save(put({ ...(source as SnapshotDocument), deletingAtMs: on.nowMs }, revisions.source)),
    'create-volume': (step) => save(check(machine, revisions.machine), ...created(volumeOf(seen, step, on))),
    'grow-volume': ({ volume, sizeMib }) => save(edit(volume, (it) => withSpec(it, { sizeMib }))),
    'release-volume': async ({ volume }) => {
      await save(
        check(machine, revisions.machine),
        edit(volume, (it) => ({ ...withSpec(it, { disk: null }), owner: null })),
      )
      on.kept(volumeIn(seen, volume))
    },
    'delete-volume': ({ volume }) => save(edit(volume, (it) => ({ ...it, deletingAtMs: on.nowMs }))),
  }
}

const volumeIn = ({ bootVolume, disks, spare }: MachineSeen, id: string): VolumeDocument =>
  present(
    [bootVolume, ...disks, ...spare].find((volume) => volume?.id === id) ?? undefined,
    'a step names a volume that was seen',
  )

const turnedBack = (
  seen: MachineSeen,
  snapshot: string,
  { volumes }: NonNullable<MachineStatus['reverting']>,
): Change[] =>
  volumes.map(({ volume, at }) =>
    put(
      withSpec(volumeIn(seen, volume), { revert: { snapshot, at } }),
      seen.revisions.volumes.get(volume) ?? 0,
    ),
  )

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

const withSpec = (volume: VolumeDocument, spec: Partial<VolumeSpec>): VolumeDocument => ({
  ...volume,
  spec: { ...volume.spec, ...spec },
  generation: volume.generation + 1,
})

/** What a part of a machine starts with: it belongs to the machine and goes with it. */
const partOf = ({ machine }: MachineSeen, host: string | null, on: MachineHandsWith) => ({
  id: on.newId(),
  project: machine.project,
  generation: 1,
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
  version: guestKind.version,
  name: seen.machine.name,
  spec,
  status: guestKind.status.parse({}),
})

const volumeOf = (
  seen: MachineSeen,
  { host, name, spec }: Step<'create-volume'>,
  on: MachineHandsWith,
): VolumeDocument => ({
  ...partOf(seen, host, on),
  kind: 'volume',
  version: volumeKind.version,
  name,
  spec,
  status: volumeKind.status.parse({}),
})

const snapshotOf = (
  seen: MachineSeen,
  { name, machine }: Step<'create-snapshot'>,
  on: MachineHandsWith,
): SnapshotDocument => ({
  ...partOf(seen, null, on),
  kind: 'snapshot',
  version: snapshotKind.version,
  name,
  spec: snapshotKind.spec.parse({ machine }),
  status: snapshotKind.status.parse({}),
})
