/** Carries out guest steps on a host. One line per step; to decide is the planner's work. */

import type { Json } from '#base/json.ts'
import type { Hypervisor, Body } from '#drivers/hypervisor/port.ts'
import type { Notebook } from '#drivers/notebook/port.ts'
import type { GuestStep } from './plan.ts'

type Hands = { [Do in GuestStep['do']]: (step: Extract<GuestStep, { do: Do }>) => Promise<void> }

export type GuestHandsWith = {
  readonly hypervisor: Hypervisor
  readonly notebook: Notebook
  /** Makes disks and plugs ready and puts the body together; called only to spawn. */
  readonly prepare: () => Promise<Body>
  /** Takes back what `prepare` made ready. */
  readonly release: () => Promise<void>
  readonly signal: AbortSignal
}

export const guestHands = (id: string, on: GuestHandsWith): Hands => ({
  note: ({ record }) => on.notebook.put(`guest/${id}`, record as unknown as Json),
  spawn: async () => on.hypervisor.spawn(id, await on.prepare(), on.signal),
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
})
