/**
 * Who reaches whom (inet): between NICs of one network, out of it, into it, and the host itself. A packet costs a
 * look-up of its addresses and the entries of the groups of one NIC, however many NICs and members there are.
 *
 *     forward ▸ leaving (from a guest) ▸ exit ▸ out_… ▸ onward ▸ arriving (to a guest) ▸ in_… ▸ its groups ▸ drop
 *     input: only what a network serves to its members · output: like arriving
 *
 * Packets between ports of a bridge come by here because the bridge hands them over (br_netfilter); their port is
 * told by the MAC, that of others by the address. Both are proven in `guard.ts`.
 */

import type { Allow, HostBridge, HostGroup, HostNetworks, HostPort } from '#kinds/network/parts.ts'
import type { Chain, NamedSet, Sheet } from './sheet.ts'
import { natChains, natSets } from './nat.ts'

export const filterSheet = (table: string, world: HostNetworks): Sheet => ({
  family: 'inet',
  table,
  sets: [...placeSets(world), ...portMaps(world), ...world.groups.flatMap(memberSets), ...natSets(world)],
  chains: [...world.groups.flatMap(groupChains), ...doors(world), ...fixedChains, ...natChains],
})

const named = (name: string, declared: string, elements: readonly string[]): NamedSet => ({
  name,
  is: 'set',
  declared,
  elements: [...new Set(elements)],
})

const quoted = ({ interface: name }: Pick<HostBridge, 'interface'>) => `"${name}"`

function placeSets({ bridges, guarded4, guarded6 }: HostNetworks): NamedSet[] {
  const routed = bridges.filter(({ mode, leaves }) => mode === 'routed' && leaves)
  const filtered = bridges.filter(({ isFiltered }) => isFiltered)
  const pairs = routed.flatMap((a) => routed.filter((b) => a !== b).map((b) => `${quoted(a)} . ${quoted(b)}`))
  const gateways = (which: 'gateway4' | 'gateway6') =>
    bridges.flatMap((bridge) => {
      const gateway = bridge[which]
      return gateway === null ? [] : [`${quoted(bridge)} . ${gateway.address}`]
    })
  const serving = bridges.filter(({ naming }) => naming?.hasDhcp === true)
  return [
    named('bridges', 'type ifname;', bridges.map(quoted)),
    named('outgoing', 'type ifname;', bridges.filter(({ leaves }) => leaves).map(quoted)),
    named('uplinked', 'type ifname;', bridges.filter(({ uplink }) => uplink !== null).map(quoted)),
    named('open', 'type ifname;', bridges.filter(({ isFiltered }) => !isFiltered).map(quoted)),
    named(
      'within',
      'type ifname . ifname;',
      bridges.map((bridge) => `${quoted(bridge)} . ${quoted(bridge)}`),
    ),
    named('between', 'type ifname . ifname;', pairs),
    named('gateways4', 'type ifname . ipv4_addr;', gateways('gateway4')),
    named('gateways6', 'type ifname . ipv6_addr;', gateways('gateway6')),
    named('serving', 'type ifname;', serving.map(quoted)),
    named('filtered', 'type ifname;', filtered.map(quoted)),
    named('guarded4', 'type ipv4_addr; flags interval;', guarded4),
    named('guarded6', 'type ipv6_addr; flags interval;', guarded6),
  ]
}

const doorOf = ({ groups }: HostPort) => `in_${groups.map(shortOf).join('_') || 'none'}`
const exitOf = ({ groups }: HostPort) => `out_${groups.map(shortOf).join('_') || 'none'}`

/** Group ids are UUIDs; their first twelve digits keep names of chains short (at most 16 groups a NIC). */
const shortOf = (id: string) => id.replaceAll('-', '').slice(0, 12)

/** Address → where it is decided what may come to it, and what may leave from it. */
function portMaps({ ports }: HostNetworks): NamedSet[] {
  const map = (name: string, type: string, elements: readonly string[]): NamedSet => ({
    name,
    is: 'map',
    declared: `type ${type} : verdict;`,
    elements: [...new Set(elements)],
  })
  const to = (port: HostPort) => (port.isFiltered ? `goto ${doorOf(port)}` : 'accept')
  const from = (port: HostPort) =>
    port.isFiltered && !port.allowsOut ? `goto ${exitOf(port)}` : 'goto onward'
  const entries = (key: 'mac' | 'address4' | 'address6', verdict: (port: HostPort) => string) =>
    ports.flatMap((port) => (port[key] === null ? [] : [`${port[key]} : ${verdict(port)}`]))
  return [
    map('to_mac', 'ether_addr', entries('mac', to)),
    map('to_4', 'ipv4_addr', entries('address4', to)),
    map('to_6', 'ipv6_addr', entries('address6', to)),
    map('from_mac', 'ether_addr', entries('mac', from)),
  ]
}

const memberSets = ({ id, members4, members6, membersMac }: HostGroup): NamedSet[] => [
  named(`members4_${shortOf(id)}`, 'type ipv4_addr;', members4),
  named(`members6_${shortOf(id)}`, 'type ipv6_addr;', members6),
  named(`members_mac_${shortOf(id)}`, 'type ether_addr;', membersMac),
]

const groupChains = (group: HostGroup): Chain[] => [
  {
    name: `group_in_${shortOf(group.id)}`,
    hook: null,
    lines: group.in.flatMap((allow) => linesOf(allow, 'in')),
  },
  {
    name: `group_out_${shortOf(group.id)}`,
    hook: null,
    lines: group.out.flatMap((allow) => linesOf(allow, 'out')),
  },
]

/** One entry of a group: at most three rules, whatever number of ports and addresses it has. */
function linesOf({ protocol, ports, peers }: Allow, way: 'in' | 'out'): string[] {
  const [end, verdict] = way === 'in' ? ['saddr', 'accept'] : ['daddr', 'goto onward']
  const what = whatOf(protocol, ports)
  if (peers === null) return [`${what}${verdict}`]
  if ('group' in peers) {
    const set = (kind: string) => `@members${kind}_${shortOf(peers.group)}`
    return [
      `ip ${end} ${set('4')} ${what}${verdict}`,
      `ip6 ${end} ${set('6')} ${what}${verdict}`,
      `iifname @bridges ether ${end} ${set('_mac')} ${what}${verdict}`,
    ]
  }
  const of = (family: 'ip' | 'ip6', nets: readonly string[]) =>
    nets.length === 0 ? [] : [`${family} ${end} { ${nets.join(', ')} } ${what}${verdict}`]
  return [...of('ip', peers.nets4), ...of('ip6', peers.nets6)]
}

function whatOf(protocol: Allow['protocol'], ports: Allow['ports']): string {
  if (protocol === 'any') return ''
  if (protocol === 'icmp') return 'meta l4proto { icmp, icmpv6 } '
  if (ports.length === 0) return `meta l4proto ${protocol} `
  const spans = ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`))
  return `${protocol} dport { ${spans.join(', ')} } `
}

/** One chain for each combination of groups that a NIC has, each way. */
function doors({ ports, groups }: HostNetworks): Chain[] {
  const known = new Set(groups.map(({ id }) => id))
  const chains = new Map<string, Chain>()
  const add = (name: string, way: 'in' | 'out', port: HostPort) => {
    const jumps = port.groups.filter((id) => known.has(id)).map((id) => `jump group_${way}_${shortOf(id)}`)
    chains.set(name, { name, hook: null, lines: [...jumps, 'drop'] })
  }
  for (const port of ports.filter(({ isFiltered }) => isFiltered)) {
    add(doorOf(port), 'in', port)
    if (!port.allowsOut) add(exitOf(port), 'out', port)
  }
  return [...chains.values()]
}

const discovery =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report, mld-listener-query }'

const fixedChains: readonly Chain[] = [
  {
    name: 'forward',
    hook: 'type filter hook forward priority -5; policy accept;',
    lines: [
      'iifname != @bridges oifname != @bridges accept',
      'ct state established,related accept',
      'ct state invalid drop',
      `iifname . oifname @within ${discovery} accept`,
      // Only a router on the uplink can have said these: guests cannot.
      'iifname . oifname @within iifname @uplinked icmpv6 type { nd-router-advert, nd-router-solicit } accept',
      'iifname . oifname @within iifname @uplinked udp sport { 67, 547 } udp dport { 68, 546 } accept',
      'iifname @bridges goto leaving',
      'goto arriving',
    ],
  },
  {
    name: 'leaving',
    hook: null,
    lines: [
      'iifname . oifname @within goto exit',
      'ip daddr { 169.254.0.0/16, 127.0.0.0/8 } drop',
      'ip daddr @guarded4 drop',
      'ip6 daddr @guarded6 drop',
      'iifname . oifname @between goto exit',
      'oifname != @bridges iifname @outgoing goto exit',
      'drop',
    ],
  },
  { name: 'exit', hook: null, lines: ['ether saddr vmap @from_mac', 'goto onward'] },
  { name: 'onward', hook: null, lines: ['oifname != @bridges accept', 'goto arriving'] },
  {
    name: 'arriving',
    hook: null,
    lines: [
      'ct status dnat accept',
      'iifname @bridges ether daddr vmap @to_mac',
      'ip daddr vmap @to_4',
      'ip6 daddr vmap @to_6',
      'iifname . oifname @within iifname @uplinked accept',
      'oifname @open accept',
      'drop',
    ],
  },
  {
    name: 'input',
    hook: 'type filter hook input priority -5; policy accept;',
    lines: [
      'iifname != @bridges accept',
      'ct state established,related accept',
      'iifname . ip daddr @gateways4 meta l4proto . th dport { tcp . 53, udp . 53 } accept',
      'iifname . ip6 daddr @gateways6 meta l4proto . th dport { tcp . 53, udp . 53 } accept',
      'iifname @serving udp sport 68 udp dport 67 accept',
      'iifname @serving udp sport 546 udp dport 547 accept',
      'icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept',
      'iifname . ip daddr @gateways4 icmp type echo-request limit rate 200/second accept',
      'iifname . ip6 daddr @gateways6 icmpv6 type echo-request limit rate 200/second accept',
      'drop',
    ],
  },
  {
    name: 'output',
    hook: 'type filter hook output priority -5; policy accept;',
    lines: [
      'oifname != @bridges accept',
      'ct state established,related accept',
      'ct status dnat accept',
      'udp sport { 67, 547 } udp dport { 68, 546 } accept',
      'icmpv6 type != echo-request accept',
      'ip protocol igmp accept',
      'icmp type != echo-request accept',
      'ip daddr vmap @to_4',
      'ip6 daddr vmap @to_6',
      'oifname @open accept',
      'drop',
    ],
  },
]
