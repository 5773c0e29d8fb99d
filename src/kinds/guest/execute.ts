/** Carries out guest steps on a host. One line per step; to decide is the planner's work. */

import type { Json } from '#base/json.ts'
import type { Body, DiskFile, Hypervisor, Plug } from '#drivers/hypervisor/port.ts'
import type { Notebook } from '#drivers/notebook/port.ts'
import type { GuestStep } from './plan.ts'

type Hands = { [Do in GuestStep['do']]: (step: Extract<GuestStep, { do: Do }>) => Promise<void> }

export type GuestHandsWith = {
  readonly hypervisor: Hypervisor
  readonly notebook: Pick<Notebook, 'put'>
  /** Makes disks and plugs ready and puts the body together; called only to spawn. */
  readonly prepare: (goesOn: boolean) => Promise<Body>
  /** Takes back what `prepare` made ready. */
  readonly release: () => Promise<void>
  /** Makes one disk, or one NIC's plug, ready to be opened. */
  readonly disk: (id: string) => Promise<DiskFile>
  readonly plug: (nic: string) => Promise<Plug>
  readonly unplug: (nic: string) => Promise<void>
  readonly signal: AbortSignal
  /** Ends early what waits for the guest when something else is wished meanwhile. */
  readonly patience: AbortSignal
}

export const guestHands = (id: string, on: GuestHandsWith): Hands => ({
  note: ({ record }) => on.notebook.put(`guest/${id}`, record as unknown as Json),
  spawn: async ({ goesOn }) => on.hypervisor.spawn(id, await on.prepare(goesOn), on.signal),
  pause: () => on.hypervisor.pause(id, on.signal),
  resume: () => on.hypervisor.resume(id, on.signal),
  powerdown: () => on.hypervisor.powerdown(id, on.signal),
  kill: async () => {
    await on.hypervisor.kill(id, on.signal)
    await on.release()
  },
  remove: async () => {
    await on.hypervisor.remove(id, on.signal)
    await on.release()
  },
  ...liveHands(id, on),
})

const liveHands = (
  id: string,
  { hypervisor: { parts }, disk, plug, unplug, signal, patience }: GuestHandsWith,
): Omit<Hands, 'note' | 'spawn' | 'pause' | 'resume' | 'powerdown' | 'kill' | 'remove'> => ({
  'attach-disk': async (step) => parts.attachDisk(id, await disk(step.disk), signal),
  'detach-disk': (step) => parts.detachDisk(id, step.disk, patience),
  'resize-disk': (step) => parts.resizeDisk(id, step.disk, step.sizeBytes, signal),
  'limit-disk': ({ disk: name, iops, mibPerSecond }) =>
    parts.limitDisk(id, name, { iops, mibPerSecond }, signal),
  'change-medium': ({ cdrom, file }) => parts.changeMedium(id, { id: cdrom, file }, signal),
  'attach-nic': async ({ nic }) => parts.attachNic(id, await plug(nic), signal),
  'detach-nic': async ({ nic }) => {
    await parts.detachNic(id, nic, patience)
    await unplug(nic)
  },
  'renew-nic': async ({ nic }) => void (await plug(nic)),
  'set-link': ({ nic, isUp }) => parts.setLink(id, nic, isUp, signal),
  'set-cpus': ({ cpus }) => parts.setCpus(id, cpus, signal),
  'set-memory': ({ memoryMib }) => parts.setMemory(id, memoryMib, signal),
  'set-balloon': ({ memoryMib }) => parts.setBalloon(id, memoryMib, signal),
})
