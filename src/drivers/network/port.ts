/** What the agent asks of any network driver. */

import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { HostNetworks } from '#kinds/network/parts.ts'
import type { Plug } from '#drivers/hypervisor/port.ts'
import type { Problem } from '#model/problem.ts'

/** Makes single NICs ready; what they are plugged into is not its concern. */
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

export type Settled = {
  /** Networks that cannot be as they are wished, and why. The others are. */
  readonly refusals: ReadonlyMap<string, Problem>
}

/** What keeps a network that was settled from working as it should. */
export type Trouble = {
  readonly network: string
  readonly code: 'network/names-down' | 'network/forward-refused'
  readonly facts: Readonly<Record<string, string>>
}

/** Makes whole networks in the host's kernel: what is wished comes, what is not goes. */
export interface HostNetworking {
  readonly name: string
  /** Why this host cannot carry networks; null: it can. */
  lack(): Promise<string | null>
  /**
   * Makes the host's networks be as said, from whatever a crash left; repeated, does nothing. Nothing is touched
   * that this driver did not make. Rules change at once and as a whole; flows that were allowed go on. Problem
   * `network/driver-unusable` where networks are wished that the host cannot carry.
   */
  settle(world: HostNetworks): Promise<Settled>
  /** What is wrong now with what was settled last. */
  troubles(): Promise<readonly Trouble[]>
  /** Calls back when something that was settled ended by itself. */
  onDrift(call: () => void): () => void
  /** Takes away all that was ever made, and turns back what was turned. */
  clear(): Promise<void>
}

/** No network, nobody on it. */
export const noNetworks: HostNetworks = Object.freeze({
  bridges: [],
  ports: [],
  groups: [],
  forwards: [],
  guarded4: [],
  guarded6: [],
})
