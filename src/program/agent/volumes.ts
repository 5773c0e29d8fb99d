/** The loop of volumes on a host: joins their planner to the datastores and to the guests that have them open. */

import { reason, type Hold } from '#model/plan.ts'
import type { Progress as Told } from '#model/progress.ts'
import { Problem } from '#model/problem.ts'
import type { Datastore, VolumeSight } from '#drivers/datastore/port.ts'
import type { DiskFile } from '#drivers/hypervisor/port.ts'
import { volumeHands } from '#kinds/volume/execute.ts'
import {
  planVolume,
  volumeState,
  type VolumeObserved,
  type VolumeStep,
  type VolumeUser,
} from '#kinds/volume/plan.ts'
import { datastore as datastoreKind } from '#kinds/datastore/schema.ts'
import { volume as volumeKind, type VolumeSpec, type VolumeStatus } from '#kinds/volume/schema.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import { keysOf } from './keys.ts'
import { isInUse, mostPromisedMib, promisedMib, reportOf, type With } from './storage.ts'
import type { Wish, Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

type VolumeSeen = {
  readonly id: string
  readonly wish: Wish
  readonly spec: VolumeSpec
  readonly datastore: Datastore | undefined
  readonly sight: VolumeSight | undefined
  readonly observed: VolumeObserved
}

/** Progress is news at most this often. */
const newsMs = 1_000

export function volumeReconciler(
  ports: AgentPorts,
  on: With,
): Reconciler<VolumeSeen, VolumeStep, VolumeStatus> {
  const tell = ({ id, wish }: VolumeSeen, status: VolumeStatus) =>
    on.reports.report(reportOf('volume', id, wish, status as never))
  return {
    name: 'volume',
    observe: async (id) => {
      const wish = on.wishes.get('volume', id)
      return wish === undefined ? undefined : await observeVolume(ports, on.wishes, id, wish)
    },
    plan: ({ wish, spec, observed }) =>
      wish.isClaimed ? planVolume(spec, observed) : { steps: [], holds: [reason('guest/unclaimed')] },
    report: (seen, plan) => statusOf(seen, plan.holds, null),
    hands: (seen) => {
      let saidAtMs = -newsMs
      return volumeHands(seen.id, {
        ...handsWith(ports, on, seen),
        report: (fraction) => {
          const nowMs = ports.clock.monotonic()
          if (nowMs - saidAtMs < newsMs) return
          saidAtMs = nowMs
          tell(seen, statusOf(seen, [], { step: 'copying', fraction, etaSeconds: null }))
        },
      })
    },
    tell: async (seen, status) => tell(seen, status),
  }
}

function statusOf(seen: VolumeSeen, holds: readonly Hold[], progress: Told | null): VolumeStatus {
  const { observed, sight, spec } = seen
  return {
    ...volumeKind.status.parse({}),
    holds: [...holds].slice(0, 64),
    state: volumeState(observed, holds),
    sizeBytes: observed.sizeBytes,
    storedBytes: sight?.storedBytes ?? 0,
    layers: observed.layers,
    datastore: observed.elsewhere ?? (observed.state === 'ready' ? spec.datastore : ''),
    revertedAt: observed.revertedAt,
    progress,
  }
}

function handsWith(ports: AgentPorts, on: With, { id, wish, spec, datastore }: VolumeSeen) {
  const { image = null, sourceVolume = null, source = null } = wish.document.resolved ?? {}
  const isCopied = sourceVolume !== null && source !== null
  return {
    datastore: datastore as Datastore,
    from: (name: string) => reached(ports, name),
    hypervisor: ports.hypervisor,
    keys: keysOf(on.wishes, id),
    diskFor: (guest: string, disk: string, chain: Parameters<typeof diskOf>[3]) =>
      diskOf(on.wishes, guest, { disk, volume: id }, chain),
    wish: {
      format: spec.format,
      image: isCopied ? null : image,
      layer: isCopied ? { volume: sourceVolume, snapshot: source } : null,
      isLinked: spec.clone === 'linked',
      isFull: spec.allocation === 'full',
      key: spec.isEncrypted ? id : null,
      keys: keysOf(on.wishes, id),
    },
    signal: on.signal,
  }
}

/** A chain as the guest has its disk: on the same bus, with the same ways. */
function diskOf(
  wishes: Wishes,
  guest: string,
  { disk, volume }: { readonly disk: string; readonly volume: string },
  chain: Pick<DiskFile, 'file' | 'format' | 'key' | 'backing'>,
): DiskFile {
  const spec = wishes.get('guest', guest)?.document.spec as GuestSpec | undefined
  const found = spec?.disks.find(({ id }) => id === disk)
  if (found === undefined) throw new Problem('guest/absent', { machine: guest })
  const { isReadOnly, bus, cache, io, discard, iops, mibPerSecond } = found
  return {
    ...chain,
    id: disk,
    isReadOnly,
    bus,
    cache,
    io,
    discard,
    iops,
    mibPerSecond,
    keys: keysOf(wishes, volume),
  }
}

function reached({ datastore }: AgentPorts, name: string): Datastore {
  const found = datastore(name)
  if (found === undefined)
    throw new Problem('datastore/failed', { datastore: name, why: 'this host does not reach it' })
  return found
}

/** Another datastore of this host in which the volume lies, whole. */
async function elsewhereOf(ports: AgentPorts, wishes: Wishes, id: string, wished: string) {
  for (const { document } of wishes.of('datastore')) {
    if (document.name === wished) continue
    const sight = await ports.datastore(document.name)?.observe(id)
    if (sight?.state === 'ready') return { name: document.name, sight }
  }
  return null
}

/**
 * The datastore that a volume is to be opened from now: where it is wished once it is whole there, else where it still
 * is. Null: nowhere yet.
 */
export async function lyingIn(ports: AgentPorts, wishes: Wishes, volume: string, wished: string) {
  const here = await ports.datastore(wished)?.observe(volume)
  if (here?.state === 'ready') return wished
  return (await elsewhereOf(ports, wishes, volume, wished))?.name ?? null
}

async function observeVolume(ports: AgentPorts, wishes: Wishes, id: string, wish: Wish): Promise<VolumeSeen> {
  const spec = volumeKind.spec.parse(wish.document.spec)
  const datastore = ports.datastore(spec.datastore)
  const sight = await datastore?.observe(id)
  const other = await elsewhereOf(ports, wishes, id, spec.datastore)
  const shown = sight?.state === 'ready' || other === null ? sight : other.sight
  const user = await userOf(ports, wishes, id)
  const files = [sight?.file, sight?.next?.file]
  return {
    id,
    wish,
    spec,
    datastore,
    sight: shown,
    observed: {
      isDeleting: wish.document.deletingAtMs !== null,
      state: sight?.state ?? 'absent',
      sizeBytes: shown?.sizeBytes ?? 0,
      sourceHold: shown?.state === 'ready' ? null : await sourceHold(ports, spec, wish),
      isDatastoreReady: datastore !== undefined,
      isInUse: await isInUse(ports, wishes, id),
      user: user === null ? null : { ...user, isHere: user.file !== null && files.includes(user.file) },
      isHeld: guestsWith(wishes, id).some(({ power }) => power !== 'gone'),
      hasKey: !spec.isEncrypted || keysOf(wishes, id)[id] !== undefined,
      ...layersOf(shown, spec, wish),
      elsewhere: other?.name ?? null,
      isArriving: sight?.isArriving ?? false,
      roomHold: shown?.state === 'ready' ? null : await roomHold(ports, wishes, spec),
      growsWithGuest: guestsWith(wishes, id).some(({ disks }) =>
        disks.some(({ volume, sizeBytes }) => volume === id && sizeBytes === (spec.sizeMib ?? 0) * 2 ** 20),
      ),
    },
  }
}

/** A datastore with a bound on what it promises takes no volume beyond it. */
async function roomHold(ports: AgentPorts, wishes: Wishes, spec: VolumeSpec): Promise<Hold | null> {
  const wish = wishes.of('datastore').find(({ document }) => document.name === spec.datastore)
  const datastore = ports.datastore(spec.datastore)
  if (wish === undefined || datastore === undefined) return null
  const bound = datastoreKind.spec.parse(wish.document.spec)
  if (bound.overcommit === null) return null
  const { capacityBytes } = await datastore.look()
  const limitMib = mostPromisedMib(bound, Math.floor(capacityBytes / 2 ** 20)) ?? 0
  const promised = promisedMib(wishes, spec.datastore)
  return promised > limitMib ? reason('datastore/overcommitted', { promisedMib: promised, limitMib }) : null
}

type Layers = Pick<
  VolumeObserved,
  'layers' | 'snapshots' | 'isSnapshotUnderWay' | 'merge' | 'revert' | 'revertedAt'
>

function layersOf(sight: VolumeSight | undefined, { revert }: VolumeSpec, { document }: Wish): Layers {
  return {
    layers: sight?.layers ?? 0,
    snapshots: sight?.snapshots ?? [],
    isSnapshotUnderWay: (sight?.next ?? null) !== null,
    merge: sight?.merge ?? null,
    revert:
      revert === null
        ? null
        : { snapshot: document.resolved?.revert ?? null, name: revert.snapshot, at: revert.at },
    revertedAt: sight?.reverted?.at ?? 0,
  }
}

async function sourceHold(ports: AgentPorts, spec: VolumeSpec, { document }: Wish): Promise<Hold | null> {
  const datastore = ports.datastore(spec.datastore)
  const { image = null, sourceVolume = null, source = null } = document.resolved ?? {}
  if (spec.snapshot !== null) {
    const isThere =
      sourceVolume !== null &&
      source !== null &&
      (await datastore?.observe(sourceVolume))?.snapshots.includes(source) === true
    return isThere ? null : reason('volume/snapshot-not-ready', { snapshot: spec.snapshot })
  }
  if (spec.image === null) return null
  const isReady = image !== null && (await datastore?.observeImage(image))?.state === 'ready'
  return isReady ? null : reason('volume/image-not-ready', { image: spec.image })
}

/** The process that has it open, as what. */
async function userOf(
  { hypervisor }: AgentPorts,
  wishes: Wishes,
  volume: string,
): Promise<Omit<VolumeUser, 'isHere'> | null> {
  for (const { document } of wishes.of('guest')) {
    const disk = (document.spec as GuestSpec).disks.find((each) => each.volume === volume)
    if (disk === undefined) continue
    const { process, running } = await hypervisor.observe(document.id)
    if (process !== 'running' && process !== 'paused') continue
    const open = running?.disks.find(({ id }) => id === disk.id)
    if (open !== undefined) return { guest: document.id, disk: disk.id, file: open.file }
  }
  return null
}

const guestsWith = (wishes: Wishes, volume: string) =>
  wishes
    .of('guest')
    .map(({ document }) => document.spec as GuestSpec)
    .filter(({ disks }) => disks.some((disk) => disk.volume === volume))
