/** What the agent asks of whoever tells guests of themselves at their first boot. */

import type { GuestSpec } from '#kinds/guest/schema.ts'

export interface Seeds {
  readonly name: string
  /**
   * The bytes of a read-only disk for the guest, the same for the same wish; null: nothing to tell. They hold
   * secrets: only the guest's own user may read them.
   */
  build(spec: GuestSpec): Uint8Array | null
}
