/** What the loops of volumes, images, snapshots and datastores on a host share; the room in each datastore. */

import type { Json } from '#base/json.ts'
import { reason, type Hold } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import {
  datastore as datastoreKind,
  type DatastoreSpec,
  type DatastoreStatus,
} from '#kinds/datastore/schema.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
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

export const reportOf = (kind: string, id: string, wish: Wish, status: Json) => ({
  kind,
  id,
  generation: wish.document.generation,
  status,
  ...(wish.isClaimed ? {} : { document: withoutKeys(wish) }),
})

/** Keys are never told; what they were sealed into may be, for only the controller can open it. */
function withoutKeys({ document }: Wish): Json {
  const { keys: _, ...rest } = document as Wish['document'] & { readonly keys?: unknown }
  return rest as unknown as Json
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
export async function reportDatastore(
  ports: AgentPorts,
  { reports, wishes }: Pick<With, 'reports' | 'wishes'>,
  wish: Wish,
): Promise<void> {
  const { id, name } = wish.document
  const spec = datastoreKind.spec.parse(wish.document.spec)
  const fault = ports.stores?.faultOf(name)
  const status =
    fault === undefined
      ? await lookAt(ports.datastore(name), spec, name, promisedMib(wishes, name))
      : { ...datastoreKind.status.parse({}), state: 'unusable' as const, holds: [fault] }
  if (isNewlyFilling(reports, id, status))
    reports.event({
      id: ports.newId(),
      kind: 'datastore',
      objectId: id,
      atMs: ports.clock.now(),
      type: 'datastore.filling',
      facts: { percent: filledPercent(status) },
    })
  reports.report(reportOf('datastore', id, wish, status as never))
}

/** To how much the volumes of a datastore may grow. One whose size is not wished is counted with what it is known to have. */
export const promisedMib = (wishes: Wishes, name: string): number =>
  wishes
    .of('volume')
    .map(({ document }) => document.spec)
    .filter(({ datastore }) => datastore === name)
    .reduce((sum, { sizeMib }) => sum + (typeof sizeMib === 'number' ? sizeMib : 0), 0)

const filledPercent = ({ capacityMib, freeMib }: DatastoreStatus) =>
  capacityMib === 0 ? 0 : Math.floor((100 * (capacityMib - freeMib)) / capacityMib)

/** Datastores whose filling was told, by who tells. */
const warned = new WeakMap<AgentReports, Set<string>>()

/** Whether it is full beyond its bound and was not when it was looked at last. */
function isNewlyFilling(reports: AgentReports, id: string, { holds }: DatastoreStatus): boolean {
  const told = warned.get(reports) ?? new Set<string>()
  warned.set(reports, told)
  const isFilling = holds.some(({ code }) => code === 'datastore/filling')
  const isNew = isFilling && !told.has(id)
  if (isFilling) told.add(id)
  else told.delete(id)
  return isNew
}

/** Most MiB that its volumes may grow to together; null: no bound. */
export const mostPromisedMib = ({ overcommit }: DatastoreSpec, capacityMib: number): number | null =>
  overcommit === null ? null : Math.floor(capacityMib * overcommit)

async function lookAt(
  datastore: Datastore | undefined,
  spec: DatastoreSpec,
  name: string,
  promised: number,
): Promise<DatastoreStatus> {
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
    const capacityMib = Math.floor(capacityBytes / 2 ** 20)
    const room = { capacityMib, freeMib, hasReflink, promisedMib: promised }
    const status = { ...blank, ...room, state: 'ready' as const }
    return { ...status, holds: capacityHolds(spec, status, name) }
  } catch (problem) {
    const why = problem instanceof Problem ? story(problem).slice(0, 300) : 'a fault'
    return { ...blank, state: 'unusable', holds: [reason('datastore/unusable', { why })] }
  }
}

function capacityHolds(spec: DatastoreSpec, status: DatastoreStatus, name: string): Hold[] {
  const percent = filledPercent(status)
  const limitMib = mostPromisedMib(spec, status.capacityMib)
  const { promisedMib: promised } = status
  return [
    ...(percent >= spec.warnAtPercent ? [reason('datastore/filling', { datastore: name, percent })] : []),
    ...(limitMib !== null && promised > limitMib
      ? [reason('datastore/overcommitted', { promisedMib: promised, limitMib })]
      : []),
  ]
}
