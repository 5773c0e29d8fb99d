/** The picture of a network: who is on it, where, and how to reach them. Pure. */

import { by, firstOf } from '#base/order.ts'
import { gatewayOf, subnetFrom } from '#engines/addressing/address.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { NetworkDocument, NetworkSpec } from './schema.ts'

export type TopologyNic = {
  readonly machine: string
  readonly project: string | null
  readonly nic: string
  readonly mac: string
  readonly address4: string | null
  readonly address6: string | null
  /** Names of its security groups. */
  readonly groups: readonly string[]
  /** `up`: the guest runs and its cable is plugged in. */
  readonly link: 'up' | 'down' | 'off'
  readonly forwards: readonly {
    readonly protocol: string
    readonly address: string
    readonly hostPort: number
    readonly guestPort: number
  }[]
}

export type Topology = {
  readonly network: string
  readonly project: string | null
  readonly driver: NetworkSpec['driver']
  readonly mode: NetworkSpec['mode']
  /** Under which names its members find each other; null: they do not. */
  readonly domain: string | null
  readonly subnet4: string | null
  readonly subnet6: string | null
  /** Whether it is one network over all its hosts, or one on each. */
  readonly spans: 'hosts' | 'host' | 'machine'
  readonly hosts: readonly {
    readonly host: string
    /** Addresses of the host on it. */
    readonly gateway4: string | null
    readonly gateway6: string | null
    readonly nics: readonly TopologyNic[]
  }[]
}

/** `nameOf`: the name of a security group by its id. */
export function topologyOf(
  { id, name, project, spec }: NetworkDocument,
  guests: readonly GuestDocument[],
  nameOf: (group: string) => string,
): Topology {
  const { driver, mode } = spec
  const isOurs = driver === 'bridge' && mode !== 'bridged'
  const gateway = (subnet: string | null) =>
    isOurs && subnet !== null ? gatewayOf(subnetFrom(subnet)) : null
  const hosts = [...new Set(guests.map(({ host }) => host ?? ''))].toSorted()
  return {
    network: name,
    project,
    driver,
    mode,
    domain: isOurs ? spec.domain || `${name}.internal` : null,
    subnet4: spec.subnet4,
    subnet6: spec.subnet6,
    spans: driver === 'user' ? 'machine' : mode === 'bridged' ? 'hosts' : 'host',
    hosts: hosts.map((host) => ({
      host,
      gateway4: gateway(spec.subnet4),
      gateway6: gateway(spec.subnet6),
      nics: guests
        .filter((guest) => (guest.host ?? '') === host)
        .flatMap((guest) => nicsOf(guest, id, nameOf))
        .toSorted(
          firstOf<TopologyNic>(
            by(({ project: of }) => of),
            by(({ machine }) => machine),
            by(({ nic }) => nic),
          ),
        ),
    })),
  }
}

function nicsOf(
  { spec, status, project }: GuestDocument,
  network: string,
  nameOf: (group: string) => string,
): TopologyNic[] {
  const isUp = status.phase === 'running' || status.phase === 'paused' || status.phase === 'stopping'
  return spec.nics
    .filter((nic) => nic.network === network)
    .map((nic) => ({
      machine: spec.machineName,
      project,
      nic: nic.id,
      mac: nic.mac,
      address4: nic.address4,
      address6: nic.address6,
      groups: nic.groups.map(nameOf),
      link: isUp ? (nic.isLinkUp ? 'up' : 'down') : 'off',
      forwards: status.forwards
        .filter((forward) => forward.nic === nic.id)
        .map(({ protocol, address, hostPort, guestPort }) => ({ protocol, address, hostPort, guestPort })),
    }))
}
