/** What the agent asks of any network driver. */

import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Plug } from '#drivers/hypervisor/port.ts'

export interface Network {
  readonly name: string
  /**
   * Makes ready one NIC of a guest. Forwards with host port 0 get a free one, the same as before where
   * `before` says so and it is still free. Problem `network/port-busy` when a stated one is taken.
   */
  plug(
    guest: string,
    nic: GuestSpec['nics'][number],
    before: readonly { readonly guestPort: number; readonly protocol: string; readonly hostPort: number }[],
  ): Promise<Plug>
  /** Takes away what a guest's NIC left on the host; repeated, does nothing. */
  unplug(guest: string, nic: string): Promise<void>
}
