/** What the loops of volumes, images, snapshots and datastores on a host share; the room in each datastore. */

import type { Json } from '#base/json.ts'
import { reason } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { datastore as datastoreKind, type DatastoreStatus } from '#kinds/datastore/schema.ts'
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
