/**
 * What the networks of one host are to be, as plain data: decided by `engines/filtering` from documents, made
 * true by a network driver. It knows no tool and no syntax.
 */

/** An address of the host on a network, with the length of its prefix. */
export type Gateway = { readonly address: string; readonly prefix: number; readonly subnet: string }

/** One who gets an address and a name of a network: only those are served. */
export type Lease = {
  readonly mac: string
  readonly address4: string | null
  readonly address6: string | null
  /** Within the network's domain; null: it only gets its address. */
  readonly name: string | null
}

export type HostBridge = {
  /** Name of the interface on the host. */
  readonly interface: string
  readonly network: string
  /** Its own, and always the same: a bridge without one takes that of whoever joins. */
  readonly mac: string
  readonly mode: 'nat' | 'isolated' | 'routed' | 'bridged'
  readonly mtu: number
  readonly gateway4: Gateway | null
  readonly gateway6: Gateway | null
  /** Physical interface that is part of it; null: none. */
  readonly uplink: { readonly interface: string; readonly vlan: number | null } | null
  /** Whether its members may leave it at all. */
  readonly leaves: boolean
  readonly isFiltered: boolean
  /** What hands out addresses and names there; null: nothing of ours. */
  readonly naming: {
    readonly domain: string
    readonly hasDhcp: boolean
    /** Told to members besides our own. */
    readonly servers: readonly string[]
    /** Whether names of the world are asked for on their behalf. */
    readonly asksOutside: boolean
    readonly leases: readonly Lease[]
  } | null
}

/** One NIC of a guest of this host. */
export type HostPort = {
  readonly interface: string
  readonly guest: string
  readonly nic: string
  readonly bridge: string
  readonly mac: string
  readonly mtu: number
  /** The user that may open it; null: the agent's own. */
  readonly uid: number | null
  readonly address4: string | null
  readonly address6: string | null
  readonly isFiltered: boolean
  /** Ids of its groups, in order. */
  readonly groups: readonly string[]
  /** Whether everything may go out: one of its groups says so, or it has none. */
  readonly allowsOut: boolean
  readonly mbitIn: number | null
  readonly mbitOut: number | null
}

export type Range = readonly [from: number, to: number]

/** Something that is allowed; no ranges: every port. Peers null: anybody. */
export type Allow = {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'any'
  readonly ports: readonly Range[]
  readonly peers:
    | null
    | { readonly group: string }
    /** Subnets, none within another. */
    | { readonly nets4: readonly string[]; readonly nets6: readonly string[] }
}

export type HostGroup = {
  readonly id: string
  readonly in: readonly Allow[]
  readonly out: readonly Allow[]
  /** Whom other rules mean by it. */
  readonly members4: readonly string[]
  readonly members6: readonly string[]
  readonly membersMac: readonly string[]
}

/** A port of the host that leads to a guest; `address` null: every address of the host. */
export type HostForward = {
  readonly protocol: 'tcp' | 'udp'
  readonly address: string | null
  readonly hostPort: number
  readonly guestAddress: string
  readonly guestPort: number
}

export type HostNetworks = {
  readonly bridges: readonly HostBridge[]
  readonly ports: readonly HostPort[]
  readonly groups: readonly HostGroup[]
  readonly forwards: readonly HostForward[]
  /** Subnets that no guest reaches through this host: the management network, say. */
  readonly guarded4: readonly string[]
  readonly guarded6: readonly string[]
}

/** Who is on a network, as its hosts are told: names for those that ask, MACs by which they are known. */
export type NetworkCensus = {
  readonly members: readonly {
    readonly name: string
    readonly mac: string
    readonly address4: string | null
    readonly address6: string | null
  }[]
  /** Addresses of the pool itself, in order: of its hosts and of where it is managed. */
  readonly guarded: readonly string[]
}

/** Whom rules mean by a security group. */
export type GroupCensus = {
  readonly members4: readonly string[]
  readonly members6: readonly string[]
  readonly membersMac: readonly string[]
}
