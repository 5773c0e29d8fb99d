/**
 * Which addresses are taken on each network, and what the NICs of a machine get. What was just given to a machine
 * counts at once, so that many that come together do not all ask for the same; the claims of the store decide (I-27).
 */

import type { Stored } from '#model/document.ts'
import { giveAddresses, type Asking, type Given } from '#engines/addressing/assign.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { nicName } from '#kinds/machine/parts.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import type { Replica } from '#runtime/replica.ts'

type Held = { readonly network: string; readonly address: string }

export class Addresses {
  readonly #replica: Replica
  /** What was given last to machines that may not have written it down yet. */
  readonly #fresh = new Map<string, readonly Held[]>()

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** Needs the index `guests-on-network`. */
  of(
    machine: MachineDocument,
    networks: readonly (NetworkDocument | null)[],
    guest: GuestDocument | null,
  ): readonly Given[] {
    const asking = machine.spec.nics.map((nic, at): Asking | null => {
      const network = networks[at]
      if (network === null || network === undefined || network.spec.driver !== 'bridge') return null
      const before = guest?.spec.nics.find(
        ({ id, network: on }) => id === nicName(nic, at) && on === network.id,
      )
      return {
        on: {
          network: network.id,
          name: network.name,
          subnet4: network.spec.subnet4,
          subnet6: network.spec.subnet6,
          // On somebody else's network their DHCP may give what it likes: only fixed addresses are ours.
          gives: network.spec.mode !== 'bridged',
          taken: this.#taken(network.id, machine.id),
        },
        fixed4: nic.address4,
        fixed6: nic.address6,
        before4: before?.address4 ?? null,
        before6: before?.address6 ?? null,
      }
    })
    const given = giveAddresses(asking)
    this.#remember(machine.id, asking, given)
    return given
  }

  #taken(network: string, machine: string): Set<string> {
    const taken = new Set<string>()
    for (const { document } of this.#replica.by(
      'guests-on-network',
      network,
    ) as unknown as Stored<GuestDocument>[]) {
      if (document.spec.machine === machine) continue
      for (const nic of document.spec.nics) {
        const own = nic.network === network ? [nic.address4, nic.address6] : []
        for (const address of own) taken.add(address ?? '')
      }
      // What a guest may still use of former wishes is claimed, and no more free than what it has.
      for (const { claim } of document.spec.leaving) {
        const [what, on, address = ''] = claim.split('/')
        if (what === 'address' && on === network) taken.add(address)
      }
    }
    for (const [holder, held] of this.#fresh) {
      if (holder === machine) continue
      for (const each of held) if (each.network === network) taken.add(each.address)
    }
    return taken
  }

  #remember(machine: string, asking: readonly (Asking | null)[], given: readonly Given[]) {
    for (const holder of this.#fresh.keys()) {
      const isWritten = this.#replica.by('guest-of', holder).length > 0 && holder !== machine
      if (isWritten || this.#replica.get('machine', holder) === undefined) this.#fresh.delete(holder)
    }
    const held = given.flatMap(({ address4, address6 }, at) =>
      [address4, address6]
        .filter((address) => address !== null)
        .map((address) => ({ network: asking[at]?.on.network ?? '', address })),
    )
    // A rehearsal is of a machine that is not there: it takes nothing.
    if (held.length > 0 && this.#replica.get('machine', machine) !== undefined) this.#fresh.set(machine, held)
  }
}
