/** The moments of snapshots with memory: what a guest runs with now, and what one ran with then. */

import { isObject, type JsonObject } from '#base/json.ts'
import { reason, type Hold } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import type { Running } from '#drivers/hypervisor/port.ts'
import type { GuestRecord } from '#kinds/guest/plan.ts'
import { guest as guestKind } from '#kinds/guest/schema.ts'
import { MachineSpec } from '#kinds/machine/schema.ts'
import { bootDiskName, diskName, nicName } from '#kinds/machine/parts.ts'
import { Moment } from '#kinds/snapshot/parts.ts'
import type { GuestRecords } from './guest-records.ts'
import type { Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

export type MomentsOn = {
  readonly ports: AgentPorts
  readonly wishes: Wishes
  readonly records: GuestRecords
}

/** What runs now. `before`: the guest's note from before its memory was kept; a part was noted by then, or is by now. */
async function momentOf(
  { ports, wishes, records }: MomentsOn,
  guest: string,
  before: GuestRecord,
  running: Running,
): Promise<Moment> {
  const document = wishes.get('guest', guest)?.document
  const now = records.get(guest)
  if (document === undefined || now.begun === null) throw new Problem('guest/absent', { machine: guest })
  const spec = guestKind.spec.parse(document.spec)
  const wish = MachineSpec.parse(spec.machineSpec)
  const known = <Part extends { readonly id: string }>(
    ran: readonly { readonly id: string }[],
    ...lists: readonly (readonly Part[])[]
  ) => ran.flatMap(({ id }) => lists.flat().find((part) => part.id === id) ?? [])
  // In the order in which they were begun, for where there are no places the order is the place.
  const disks = known(inOrder(running.disks, now.disks), now.disks, before.disks, spec.disks)
  const nics = known(inOrder(running.nics, now.nics), now.nics, before.nics, spec.nics)
  const has = (parts: readonly { readonly id: string }[], id: string) => parts.some((part) => part.id === id)
  const { memoryMib, machineType, kernelImage, commandLine, shape } = now.begun
  return Moment.parse({
    cpus: running.cpus,
    memoryMib: Math.max(running.memoryMib, memoryMib),
    memoryMinMib: memoryMib,
    machineType,
    kernelImage,
    kernelDatastore: spec.kernelDatastore,
    commandLine,
    shape,
    machineVersion: running.machineVersion ?? now.machineVersion,
    accelerator: (await ports.hypervisor.accelerator()).name,
    disks,
    nics,
    cdroms: spec.cdroms.filter(({ id }) => has(running.cdroms, id)),
    hasSeed: spec.firstBoot !== null,
    wish: {
      bootDisk: wish.bootDisk,
      disks: wish.disks
        .map((disk, at) => ({ ...disk, name: diskName(disk, at) }))
        .filter(({ name }) => name !== bootDiskName && has(disks, name)),
      nics: wish.nics
        .map((nic, at) => ({ ...nic, name: nicName(nic, at) }))
        .filter(({ name }) => has(nics, name)),
      cdroms: wish.cdroms.filter((_, at) => has(running.cdroms, `cdrom${at}`)),
      cpuModel: wish.cpuModel,
      machineVersion: wish.machineVersion,
      balloonMib: wish.balloonMib,
    },
  })
}

function inOrder<Part extends { readonly id: string }>(
  ran: readonly Part[],
  noted: readonly { readonly id: string }[],
) {
  const placeOf = ({ id }: Part) => {
    const at = noted.findIndex((part) => part.id === id)
    return at < 0 ? noted.length : at
  }
  return ran.toSorted((one, other) => placeOf(one) - placeOf(other))
}

/** Reads what runs once its memory is kept; what is noted now counts too. */
export function momentReader(on: MomentsOn, guest: string): (running: Running) => Promise<Moment> {
  const before = on.records.get(guest)
  return (running) => momentOf(on, guest, before, running)
}

export type Noted = { readonly moment: Moment; readonly layout: JsonObject }

/** What the memory of a snapshot fits into; null: this host's notes do not say. */
export function notedMoment({ notebook }: AgentPorts, snapshot: string): Noted | null {
  const note = notebook.get(`snapshot/${snapshot}`)
  if (!isObject(note)) return null
  const moment = Moment.safeParse(note.moment)
  return moment.success ? { moment: moment.data, layout: isObject(note.layout) ? note.layout : {} } : null
}

/** Why what ran then cannot run on this host any more; null: it can. */
export async function unfitHere({ hypervisor }: AgentPorts, moment: Moment | null): Promise<Hold | null> {
  if (moment === null) return null
  const { name, machineTypes } = await hypervisor.accelerator()
  if (name !== moment.accelerator) return reason('snapshot/unfit', { what: moment.accelerator })
  const [type = ''] = (moment.machineVersion ?? '').split('/')
  const isGone = type !== '' && machineTypes !== undefined && !machineTypes.includes(type)
  return isGone ? reason('snapshot/unfit', { what: type }) : null
}
