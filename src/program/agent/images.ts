/** The loop of images on a host. */

import { Problem } from '#model/problem.ts'
import { reason } from '#model/plan.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { MakeOrder } from '#drivers/image/port.ts'
import { entryNamed, placeOf } from '#kinds/image/catalogue.ts'
import { imageState, planImage, type ImageObserved, type ImageStep } from '#kinds/image/plan.ts'
import { image as imageKind, sourceOf, type ImageSpec, type ImageStatus } from '#kinds/image/schema.ts'
import type { Reconciler } from '#runtime/reconcile.ts'
import { isInUse, reportOf, type With } from './storage.ts'
import type { Wish } from './wishes.ts'
import type { AgentPorts } from './world.ts'

type ImageSeen = {
  readonly id: string
  readonly wish: Wish
  readonly spec: ImageSpec
  readonly datastore: Datastore | undefined
  readonly observed: ImageObserved
  readonly facts: Partial<ImageStatus>
  /** Id of the volume whose content it copies. */
  readonly volume: string | null
}

export function imageReconciler(ports: AgentPorts, on: With): Reconciler<ImageSeen, ImageStep, ImageStatus> {
  return {
    name: 'image',
    observe: async (id) => {
      const wish = on.wishes.get('image', id)
      return wish === undefined ? undefined : await observeImage(ports, on, id, wish)
    },
    plan: ({ wish, spec, observed }) =>
      wish.isClaimed ? planImage(spec, observed) : { steps: [], holds: [reason('guest/unclaimed')] },
    report: ({ observed, facts }, plan) => ({
      ...imageKind.status.parse({}),
      ...facts,
      holds: [...plan.holds],
      state: imageState(observed),
      progress: 'progress' in observed.activity ? observed.activity.progress : null,
    }),
    hands: (seen) => ({
      make: async () => {
        const into = seen.datastore as Datastore
        on.workshop.make(seen.id, into, await orderFor(ports, on, seen))
      },
      remove: async () => {
        await on.workshop.abandon(seen.id)
        await (seen.datastore as Datastore).removeImage(seen.id, on.signal)
      },
    }),
    tell: async ({ id, wish }, status) => on.reports.report(reportOf('image', id, wish, status as never)),
  }
}

async function orderFor(ports: AgentPorts, on: With, { spec, volume }: ImageSeen): Promise<MakeOrder> {
  const source = volume === null ? undefined : volumeAt(ports, on, volume)
  if (sourceOf(spec) !== 'volume' || volume === null || source === undefined) return { spec, volume: null }
  const chain = await source.open(volume, ports.imageMaker.reader)
  return { spec, volume: { chain, isUntouched: async () => !(await isInUse(ports, on.wishes, volume)) } }
}

/** The datastore in which a volume of this host lies. */
export function volumeAt(
  ports: AgentPorts,
  { wishes }: Pick<With, 'wishes'>,
  volume: string,
): Datastore | undefined {
  const datastore = wishes.get('volume', volume)?.document.spec.datastore
  return typeof datastore === 'string' ? ports.datastore(datastore) : undefined
}

async function observeImage(ports: AgentPorts, on: With, id: string, wish: Wish): Promise<ImageSeen> {
  const spec = imageKind.spec.parse(wish.document.spec)
  const datastore = ports.datastore(spec.datastore)
  const sight = await datastore?.observeImage(id)
  const user = on.wishes.of('volume').find(({ document }) => document.resolved?.image === id)
  const { state = 'absent', ...facts } = sight ?? {}
  const isReady = state === 'ready'
  const volume = wish.document.resolved?.volume ?? null
  return {
    id,
    wish,
    spec,
    datastore,
    volume,
    facts: {
      ...facts,
      ...told(ports, spec),
      ...(isReady ? {} : await arrivedSoFar(ports, on, { id, spec, datastore })),
    },
    observed: {
      isDeleting: wish.document.deletingAtMs !== null,
      state,
      activity: on.workshop.activity(id),
      isDatastoreReady: datastore !== undefined,
      usedBy: user?.document.name ?? null,
      volume: isReady ? 'none' : await volumeState(ports, on, { spec, volume }),
    },
  }
}

/** What the catalogue says of its images. */
function told({ facts }: AgentPorts, spec: ImageSpec): Pick<ImageStatus, 'firmware' | 'defaultUser'> {
  if (sourceOf(spec) === 'build') return { firmware: ['bios', 'uefi'], defaultUser: 'debian' }
  const place = placeOf(spec, facts.architecture === 'aarch64' ? 'aarch64' : 'x86_64')
  return {
    firmware: [...(place?.firmware ?? [])],
    defaultUser: entryNamed(spec.catalogue)?.defaultUser ?? '',
  }
}

async function arrivedSoFar(
  { imageMaker }: AgentPorts,
  { workshop }: With,
  { id, spec, datastore }: { id: string; spec: ImageSpec; datastore: Datastore | undefined },
): Promise<Pick<ImageStatus, 'receivedBytes' | 'expectedBytes'>> {
  const going = workshop.arrived(id)
  if (going !== undefined) return going
  const isWaiting = sourceOf(spec) === 'upload' && workshop.activity(id).is === 'idle'
  const receivedBytes =
    isWaiting && datastore !== undefined ? await imageMaker.landed(id, datastore).catch(unlessProblem) : 0
  return { receivedBytes, expectedBytes: null }
}

/** A datastore that cannot be looked into says so elsewhere. */
function unlessProblem(fault: unknown): number {
  if (fault instanceof Problem) return 0
  throw fault
}

async function volumeState(
  ports: AgentPorts,
  on: With,
  { spec, volume }: { spec: ImageSpec; volume: string | null },
): Promise<ImageObserved['volume']> {
  if (sourceOf(spec) !== 'volume') return 'none'
  const source = volume === null ? undefined : volumeAt(ports, on, volume)
  if (volume === null || source === undefined || (await source.observe(volume)).state !== 'ready')
    return 'absent'
  return (await isInUse(ports, on.wishes, volume)) ? 'in-use' : 'ready'
}
