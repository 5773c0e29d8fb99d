/** The loops of volumes and datastores on a host. */

import type { Json } from '#base/json.ts'
import { reason } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { datastore as datastoreKind, type DatastoreStatus } from '#kinds/datastore/schema.ts'
import { volumeHands } from '#kinds/volume/execute.ts'
import { planVolume, volumeState, type VolumeObserved, type VolumeStep } from '#kinds/volume/plan.ts'
import { volume as volumeKind, type VolumeSpec, type VolumeStatus } from '#kinds/volume/schema.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import type { AgentReports } from './reports.ts'
import type { Wish, Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'
import type { Workshop } from './workshop.ts'

export type With = {
  readonly wishes: Wishes
  readonly reports: AgentReports
  readonly signal: AbortSignal
  readonly workshop: Workshop
}

type VolumeSeen = {
  readonly id: string
  readonly wish: Wish
  readonly spec: VolumeSpec
  readonly datastore: Datastore | undefined
  readonly observed: VolumeObserved
  readonly storedBytes: number
}

export function volumeReconciler(
  ports: AgentPorts,
  on: With,
): Reconciler<VolumeSeen, VolumeStep, VolumeStatus> {
  return {
    name: 'volume',
    observe: async (id) => {
      const wish = on.wishes.get('volume', id)
      return wish === undefined ? undefined : await observeVolume(ports, on.wishes, id, wish)
    },
    plan: ({ wish, spec, observed }) =>
      wish.isClaimed ? planVolume(spec, observed) : { steps: [], holds: [reason('guest/unclaimed')] },
    report: ({ observed, storedBytes }, plan) => ({
      ...volumeKind.status.parse({}),
      holds: [...plan.holds],
      state: volumeState(observed, plan.holds),
      sizeBytes: observed.sizeBytes,
      storedBytes,
    }),
    hands: ({ id, spec, wish, datastore }) =>
      volumeHands(id, {
        datastore: datastore as Datastore,
        format: spec.format,
        image: wish.document.resolved?.image ?? null,
        signal: on.signal,
      }),
    tell: async ({ id, wish }, status) => on.reports.report(reportOf('volume', id, wish, status as never)),
  }
}

export const reportOf = (kind: string, id: string, wish: Wish, status: Json) => ({
  kind,
  id,
  generation: wish.document.generation,
  status,
  ...(wish.isClaimed ? {} : { document: wish.document as unknown as Json }),
})

async function observeVolume(ports: AgentPorts, wishes: Wishes, id: string, wish: Wish): Promise<VolumeSeen> {
  const spec = volumeKind.spec.parse(wish.document.spec)
  const datastore = ports.datastore(spec.datastore)
  const sight = await datastore?.observe(id)
  const image = wish.document.resolved?.image ?? null
  const isImageReady =
    spec.image === null || (image !== null && (await datastore?.observeImage(image))?.state === 'ready')
  return {
    id,
    wish,
    spec,
    datastore,
    storedBytes: sight?.storedBytes ?? 0,
    observed: {
      isDeleting: wish.document.deletingAtMs !== null,
      state: sight?.state ?? 'absent',
      sizeBytes: sight?.sizeBytes ?? 0,
      isImageReady,
      isDatastoreReady: datastore !== undefined,
      isInUse: await isInUse(ports, wishes, id),
      isHeld: guestsWith(wishes, id).some(({ document }) => document.spec.power !== 'gone'),
    },
  }
}

/** Whether a process on this host has the volume open. */
export async function isInUse({ hypervisor }: AgentPorts, wishes: Wishes, volume: string): Promise<boolean> {
  for (const { document } of guestsWith(wishes, volume)) {
    if ((await hypervisor.observe(document.id)).process !== 'absent') return true
  }
  return false
}

/** Also those that it is no longer wished for and that may still have it open. */
const guestsWith = (wishes: Wishes, volume: string) =>
  wishes.of('guest').filter(({ document }) => {
    const { disks, leaving = [] } = document.spec as Partial<GuestSpec>
    return [...(disks ?? []), ...leaving].some((part) => part.volume === volume)
  })

/** The room in each datastore, looked at now and then. */
export async function reportDatastore(ports: AgentPorts, reports: AgentReports, wish: Wish): Promise<void> {
  const { id, name } = wish.document
  const status = await lookAt(ports.datastore(name))
  reports.report(reportOf('datastore', id, wish, status as never))
}

async function lookAt(datastore: Datastore | undefined): Promise<DatastoreStatus> {
  const blank = datastoreKind.status.parse({})
  if (datastore === undefined)
    return {
      ...blank,
      state: 'unusable',
      holds: [reason('datastore/unusable', { why: 'this host does not have it' })],
    }
  try {
    const { capacityBytes, freeBytes, hasReflink } = await datastore.look()
    // Rounded, so that a byte more or less is no news.
    const freeMib = Math.floor(freeBytes / 2 ** 20 / 64) * 64
    return { ...blank, state: 'ready', capacityMib: Math.floor(capacityBytes / 2 ** 20), freeMib, hasReflink }
  } catch (problem) {
    const why = problem instanceof Problem ? story(problem).slice(0, 300) : 'a fault'
    return { ...blank, state: 'unusable', holds: [reason('datastore/unusable', { why })] }
  }
}
