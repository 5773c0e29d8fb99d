/** The interfaces: bridges, ports, VLANs. What is there is read, what lacks is made, what is too much goes. */

import { isObject } from '#base/json.ts'
import type { HostBridge, HostNetworks, HostPort } from '#kinds/network/parts.ts'
import { Problem } from '#model/problem.ts'
import type { Tools } from './tools.ts'

export type Link = {
  readonly name: string
  readonly kind: string
  readonly mtu: number
  readonly master: string | null
  readonly isUp: boolean
  readonly qdisc: string
  readonly isLearning: boolean
  /** Addresses with the length of their prefix, but link-local ones. */
  readonly addresses: readonly string[]
}

/** `veth` stands in for taps in tests: its other end is the guest's. */
export type PortKind = 'tap' | 'veth'

export const guestEnd = (port: string) => port.replace(/^dc/, 'dg')

export async function readLinks({ must }: Tools): Promise<Map<string, Link>> {
  const found: unknown = JSON.parse((await must('ip', ['-j', '-d', 'address', 'show'])) || '[]')
  const links = (Array.isArray(found) ? found : []).filter(isObject).flatMap((each) => {
    const link = linkFrom(each)
    return link === undefined ? [] : [link]
  })
  return new Map(links.map((link) => [link.name, link]))
}

function linkFrom(each: Readonly<Record<string, unknown>>): Link | undefined {
  const { ifname, mtu, master, flags, qdisc, linkinfo, addr_info: addresses } = each
  if (typeof ifname !== 'string') return undefined
  const info = isObject(linkinfo) ? linkinfo : {}
  const slave = isObject(info.info_slave_data) ? info.info_slave_data : {}
  return {
    name: ifname,
    kind: typeof info.info_kind === 'string' ? info.info_kind : '',
    mtu: Number(mtu),
    master: typeof master === 'string' ? master : null,
    isUp: Array.isArray(flags) && flags.includes('UP'),
    qdisc: String(qdisc ?? ''),
    isLearning: slave.learning !== false,
    addresses: (Array.isArray(addresses) ? addresses : [])
      .filter(isObject)
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${String(local)}/${String(prefixlen)}`),
  }
}

/** Runs lines of ip(8) or bridge(8); none, none. */
export async function batch(
  { must }: Tools,
  program: 'ip' | 'bridge',
  lines: readonly string[],
): Promise<void> {
  if (lines.length > 0) await must(program, ['-batch', '-'], `${lines.join('\n')}\n`)
}

const wanted = ({ gateway4, gateway6 }: HostBridge) =>
  [gateway4, gateway6].flatMap((gateway) =>
    gateway === null ? [] : [`${gateway.address}/${gateway.prefix}`],
  )

/** What makes a bridge, or brings it back to what it should be. */
export function bridgeLines(bridge: HostBridge, link: Link | undefined): string[] {
  const name = bridge.interface
  const made =
    link === undefined
      ? [
          // Its own packets come by the host's rules, whatever the host does with other bridges.
          `link add name ${name} address ${bridge.mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0 nf_call_iptables 1 nf_call_ip6tables 1`,
          ...(bridge.gateway6 === null ? [`link set dev ${name} addrgenmode none`] : []),
        ]
      : []
  const had = link?.addresses ?? []
  const gone = had.filter((address) => !wanted(bridge).includes(address))
  const come = wanted(bridge).filter((address) => !had.includes(address))
  return [
    ...made,
    ...(link?.mtu === bridge.mtu ? [] : [`link set dev ${name} mtu ${bridge.mtu}`]),
    ...gone.map((address) => `address del ${address} dev ${name}`),
    ...(link?.isUp === true ? [] : [`link set dev ${name} up`]),
    ...come.map(
      (address) => `address replace ${address} dev ${name}${address.includes(':') ? ' nodad' : ''}`,
    ),
  ]
}

/** Makes a port, down and on its own: nothing passes before its rules hold. */
export function portLines(port: HostPort, link: Link | undefined, kind: PortKind): string[] {
  const name = port.interface
  const user = port.uid === null ? '' : ` user ${port.uid}`
  const make =
    kind === 'tap'
      ? `tuntap add dev ${name} mode tap${user}`
      : `link add name ${name} type veth peer name ${guestEnd(name)} address ${port.mac}`
  return [
    ...(link === undefined ? [make, `link set dev ${name} addrgenmode none`] : []),
    ...(link?.mtu === port.mtu ? [] : [`link set dev ${name} mtu ${port.mtu}`]),
  ]
}

/** Lets a port take part. A guarded one is known by its MAC: the bridge learns nothing there and floods nothing to it. */
export function joinLines(port: HostPort, link: Link | undefined): string[] {
  const name = port.interface
  if (link?.master === port.bridge && link.isUp && link.isLearning === !port.isFiltered) return []
  const learning = port.isFiltered ? 'learning off flood off' : 'learning on flood on'
  return [
    `link set dev ${name} master ${port.bridge}`,
    `link set dev ${name} type bridge_slave ${learning}`,
    `link set dev ${name} up`,
  ]
}

export const placeLine = (port: HostPort) => `fdb replace ${port.mac} dev ${port.interface} master static`

/** Makes the physical side of a bridge part of it. Problems say why it cannot be. */
export async function joinUplink(
  tools: Tools,
  bridge: HostBridge,
  links: ReadonlyMap<string, Link>,
  vlan: string,
): Promise<void> {
  if (bridge.uplink === null) return
  const { interface: physical, vlan: tag } = bridge.uplink
  const link = links.get(physical)
  if (link === undefined) throw new Problem('network/interface-missing', { interface: physical })
  if (tag === null) checkFree(link, bridge.interface)
  else await makeVlan(tools, { physical, tag, vlan, isThere: links.has(vlan) })
  const part = tag === null ? physical : vlan
  if (links.get(part)?.master === bridge.interface && links.get(part)?.isUp === true) return
  await batch(tools, 'ip', [
    `link set dev ${physical} up`,
    `link set dev ${part} master ${bridge.interface}`,
    `link set dev ${part} up`,
  ])
}

/** The host's own addresses would be cut off by it: then it is the host's, not ours. */
function checkFree({ name, master, addresses }: Link, bridge: string) {
  const refuse = (why: string) => new Problem('network/interface-in-use', { interface: name, why })
  if (master !== null && master !== bridge) throw refuse(`it is part of ${master}`)
  if (addresses.length > 0) throw refuse(`the host has address ${addresses[0]} on it`)
}

async function makeVlan(
  { run }: Tools,
  { physical, tag, vlan, isThere }: { physical: string; tag: number; vlan: string; isThere: boolean },
) {
  if (isThere) return
  const words = ['link', 'add', 'link', physical, 'name', vlan, 'type', 'vlan', 'id', String(tag)]
  const { status, errors } = await run('ip', words)
  if (status !== 0)
    throw new Problem('network/vlan-missing', {
      vlan: tag,
      interface: physical,
      why: errors.trim().slice(0, 200),
    })
}

/** Names of interfaces that should be there. */
export const namesIn = (
  { bridges, ports }: HostNetworks,
  vlanOf: (bridge: HostBridge) => string,
): string[] => [
  ...bridges.map((bridge) => bridge.interface),
  ...bridges.filter(({ uplink }) => uplink !== null && uplink.vlan !== null).map(vlanOf),
  ...ports.map((port) => port.interface),
]
