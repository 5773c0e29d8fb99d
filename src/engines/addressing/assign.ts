/**
 * Gives NICs their addresses: what was fixed, what it had before, else the lowest free one. Pure; that two who
 * ask at once never share is the work of the claims, which each commit takes (I-27).
 */

import { reason, type Reason } from '#model/plan.ts'
import { canonical, gatewayOf, isWithin, numberOf, subnetFrom, textOf, usableOf } from './address.ts'

/** What is known of the network that a NIC is on. */
export type Addressing = {
  readonly network: string
  readonly name: string
  readonly subnet4: string | null
  readonly subnet6: string | null
  /** Whether a NIC that asks for no address is given one. */
  readonly gives: boolean
  /** Addresses of other machines' NICs there. */
  readonly taken: ReadonlySet<string>
}

export type Asking = {
  readonly on: Addressing
  readonly fixed4: string | null
  readonly fixed6: string | null
  /** What it had before; null: nothing. */
  readonly before4: string | null
  readonly before6: string | null
}

export type Given = {
  readonly address4: string | null
  readonly address6: string | null
  /** Why it has not what it asks for. */
  readonly refusal: Reason | null
}

export const noAddress: Given = { address4: null, address6: null, refusal: null }

/** Addresses for all NICs of one machine, in their order. */
export function giveAddresses(asking: readonly (Asking | null)[]): Given[] {
  const given = new Map<string, Set<string>>()
  return asking.map((nic) => {
    if (nic === null) return noAddress
    const own = given.get(nic.on.network) ?? new Set<string>()
    given.set(nic.on.network, own)
    const four = giveOne(nic.on, nic.on.subnet4, { fixed: nic.fixed4, before: nic.before4, own })
    const six = giveOne(nic.on, nic.on.subnet6, { fixed: nic.fixed6, before: nic.before6, own })
    for (const { address } of [four, six]) if (address !== null) own.add(address)
    return { address4: four.address, address6: six.address, refusal: four.refusal ?? six.refusal }
  })
}

type One = { readonly address: string | null; readonly refusal: Reason | null }
type Wanted = {
  readonly fixed: string | null
  readonly before: string | null
  readonly own: ReadonlySet<string>
}

const refused = (refusal: Reason): One => ({ address: null, refusal })
const granted = (address: string): One => ({ address, refusal: null })

function giveOne(on: Addressing, cidr: string | null, { fixed, before, own }: Wanted): One {
  const isFree = (address: string) => !on.taken.has(address) && !own.has(address)
  if (fixed !== null) return giveFixed(on, cidr, canonical(fixed), isFree)
  if (cidr === null || !on.gives) return { address: null, refusal: null }
  if (before !== null && isUsable(before, cidr) && isFree(before)) return granted(before)
  const next = lowestFree(cidr, isFree)
  return next === undefined
    ? refused(reason('network/full', { network: on.name, subnet: cidr }))
    : granted(next)
}

function giveFixed(
  on: Addressing,
  cidr: string | null,
  address: string,
  isFree: (address: string) => boolean,
): One {
  const facts = { address, network: on.name }
  if (cidr === null || !isUsable(address, cidr)) return refused(reason('network/address-outside', facts))
  return isFree(address) ? granted(address) : refused(reason('network/address-taken', facts))
}

/** Whether an address may be a NIC's at all: within the subnet, neither its ends nor the gateway. */
export function isUsable(address: string, cidr: string): boolean {
  const subnet = subnetFrom(cidr)
  const usable = usableOf(subnet)
  if (usable === undefined || !isWithin(address, subnet) || address === gatewayOf(subnet)) return false
  const value = numberOf(address)
  return value >= usable.first && value <= usable.last
}

/** As many are looked at as could be taken, and no more: a /64 is never walked through. */
function lowestFree(cidr: string, isFree: (address: string) => boolean): string | undefined {
  const subnet = subnetFrom(cidr)
  const usable = usableOf(subnet)
  if (usable === undefined) return undefined
  for (let value = usable.first; value <= usable.last; value += 1n) {
    const address = textOf(subnet.family, value)
    if (isFree(address)) return address
  }
  return undefined
}

/** What each address of a NIC is claimed by in the store (I-27). */
export const addressClaims = (
  nics: readonly {
    readonly network: string
    readonly address4: string | null
    readonly address6: string | null
  }[],
): string[] =>
  nics.flatMap(({ network, address4, address6 }) =>
    [address4, address6]
      .filter((address) => address !== null)
      .map((address) => `address/${network}/${address}`),
  )
