/**
 * What the networks of one host are to be, from the documents that the host was told of. Pure: the same words give
 * the same world, whatever happened before.
 */

import { by, firstOf } from '#base/order.ts'
import { gatewayOf, merged, subnetFrom, subnetText, usableOf } from '#engines/addressing/address.ts'
import type { GuestNic } from '#kinds/guest/parts.ts'
import type { Gateway, HostBridge, HostForward, HostNetworks, HostPort, Lease } from '#kinds/network/parts.ts'
import type { NetworkSpec } from '#kinds/network/schema.ts'
import { groupFrom, type ToldGroup } from './allow.ts'
import { bridgeMac, bridgeName, portName } from './names.ts'

/** One who is on a network, as hosts are told of it. */
export type Member = {
  readonly name: string
  readonly mac: string
  readonly address4: string | null
  readonly address6: string | null
}

export type ToldNetwork = {
  readonly id: string
  readonly name: string
  readonly spec: NetworkSpec
  readonly members: readonly Member[]
}

/** Addresses of the pool itself, by family: each once, in the form of the kernel. */
export const guardedIn = (addresses: readonly string[], family: 4 | 6): string[] =>
  merged(addresses.map(subnetFrom).filter((subnet) => subnet.family === family)).map(subnetText)

/** A NIC that was made ready for a guest of this host; its forwards have real ports. */
export type Plugged = { readonly guest: string; readonly uid: number | null; readonly nic: GuestNic }

export type Told = {
  readonly instance: string
  readonly networks: readonly ToldNetwork[]
  readonly groups: readonly ToldGroup[]
  readonly plugged: readonly Plugged[]
  readonly guarded4: readonly string[]
  readonly guarded6: readonly string[]
}

export function worldOf(told: Told): HostNetworks {
  const networks = new Map(told.networks.map((network) => [network.id, network]))
  const plugged = told.plugged
    .filter(({ nic }) => nic.driver === 'bridge' && networks.has(nic.network))
    .toSorted(
      firstOf<Plugged>(
        by(({ guest }) => guest),
        by(({ nic }) => nic.id),
      ),
    )
  const used = new Set(plugged.map(({ nic }) => nic.network))
  const bridges = told.networks
    .filter(({ id }) => used.has(id))
    .toSorted(by(({ id }) => id))
    .map((network) => bridgeOf(told.instance, network, plugged))
  const ports = plugged.map((each) => portOf(told, each))
  return {
    bridges,
    ports,
    groups: groupsOf(told, ports),
    forwards: plugged.flatMap(forwardsOf),
    guarded4: told.guarded4,
    guarded6: told.guarded6,
  }
}

/** Groups of ports, and those whose members their rules mean. */
function groupsOf({ groups }: Told, ports: readonly HostPort[]) {
  const own = new Set(ports.flatMap((port) => port.groups))
  const wanted = groups.filter(({ id }) => own.has(id)).map(groupFrom)
  const meant = new Set(
    wanted.flatMap((group) =>
      [...group.in, ...group.out].flatMap(({ peers }) =>
        peers !== null && 'group' in peers ? [peers.group] : [],
      ),
    ),
  )
  const others = groups
    .filter(({ id }) => meant.has(id) && !own.has(id))
    .map((told) => ({ ...groupFrom(told), in: [], out: [] }))
  return [...wanted, ...others].toSorted(by(({ id }) => id))
}

function bridgeOf(
  instance: string,
  { id, name, spec, members }: ToldNetwork,
  plugged: readonly Plugged[],
): HostBridge {
  const isBridged = spec.mode === 'bridged'
  return {
    interface: bridgeName(instance, id),
    network: id,
    mac: bridgeMac(instance, id),
    mode: spec.mode,
    mtu: spec.mtu,
    // On somebody else's network the host takes no address: the first one is their router's.
    gateway4: isBridged ? null : gatewayFrom(spec.subnet4),
    gateway6: isBridged ? null : gatewayFrom(spec.subnet6),
    uplink: isBridged && spec.interface !== '' ? { interface: spec.interface, vlan: spec.vlan } : null,
    leaves: (spec.mode === 'nat' || spec.mode === 'routed') && !spec.isRestricted,
    isFiltered: spec.isFiltered,
    naming: isBridged ? null : namingOf({ id, name, spec, members }, plugged),
  }
}

function gatewayFrom(cidr: string | null): Gateway | null {
  if (cidr === null) return null
  const subnet = subnetFrom(cidr)
  if (usableOf(subnet) === undefined) return null
  return { address: gatewayOf(subnet), prefix: subnet.prefix, subnet: subnetText(subnet) }
}

function namingOf(
  { id, name, spec, members }: ToldNetwork,
  plugged: readonly Plugged[],
): HostBridge['naming'] {
  const named = new Map(members.map((member) => [member.mac, member.name]))
  const leases: Lease[] = plugged
    .filter(({ nic }) => nic.network === id)
    .map(({ nic: { mac, address4, address6 } }) => ({
      mac,
      address4,
      address6,
      name: named.get(mac) ?? null,
    }))
  const here = new Set(leases.map(({ mac }) => mac))
  // On a network that is whole over all hosts, the others have names too.
  const elsewhere = spec.mode === 'routed' ? members.filter(({ mac }) => !here.has(mac)) : []
  return {
    domain: spec.domain === '' ? `${name}.internal` : spec.domain,
    hasDhcp: spec.hasDhcp,
    servers: spec.dns,
    asksOutside: (spec.mode === 'nat' || spec.mode === 'routed') && !spec.isRestricted,
    leases: [...leases, ...elsewhere].map(({ mac, address4, address6, name }) => ({
      mac,
      address4,
      address6,
      name,
    })),
  }
}

function portOf({ instance, groups }: Told, { guest, uid, nic }: Plugged): HostPort {
  const own = groups.filter(({ id }) => nic.groups.includes(id))
  return {
    interface: portName(instance, guest, nic.id),
    guest,
    nic: nic.id,
    bridge: bridgeName(instance, nic.network),
    mac: nic.mac,
    mtu: nic.mtu,
    uid,
    address4: nic.address4,
    address6: nic.address6,
    isFiltered: nic.isFiltered,
    groups: nic.groups.toSorted(),
    // A group that this host has not heard of yet opens nothing, in neither direction.
    allowsOut: nic.groups.length === 0 || own.some(({ spec }) => spec.allowsOut),
    mbitIn: nic.mbitIn,
    mbitOut: nic.mbitOut,
  }
}

const forwardsOf = ({ nic: { address4, forwards } }: Plugged): HostForward[] =>
  address4 === null
    ? []
    : forwards
        .filter(({ hostPort }) => hostPort > 0)
        .map(({ protocol, address, hostPort, guestPort }) => ({
          protocol,
          address: address === '0.0.0.0' ? null : address,
          hostPort,
          guestAddress: address4,
          guestPort,
        }))
