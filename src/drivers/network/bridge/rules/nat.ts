/** Translation: members of NAT networks go out as the host; ports of the host lead to members. */

import type { HostForward, HostNetworks } from '#kinds/network/parts.ts'
import type { Chain, NamedSet } from './sheet.ts'

export function natSets({ bridges, forwards }: HostNetworks): NamedSet[] {
  const hidden = bridges.filter(({ mode }) => mode === 'nat')
  const subnets = (which: 'gateway4' | 'gateway6') => hidden.flatMap((bridge) => bridge[which]?.subnet ?? [])
  const [stated, every] = [
    forwards.filter(({ address }) => address !== null),
    forwards.filter(({ address }) => address === null),
  ]
  const target = ({ guestAddress, guestPort }: HostForward) => `${guestAddress} . ${guestPort}`
  return [
    {
      name: 'hidden4',
      is: 'set',
      declared: 'type ipv4_addr; flags interval;',
      elements: subnets('gateway4'),
    },
    {
      name: 'hidden6',
      is: 'set',
      declared: 'type ipv6_addr; flags interval;',
      elements: subnets('gateway6'),
    },
    {
      name: 'forwards',
      is: 'map',
      declared: 'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;',
      elements: stated.map(
        (each) => `${each.address} . ${each.protocol} . ${each.hostPort} : ${target(each)}`,
      ),
    },
    {
      name: 'forwards_every',
      is: 'map',
      declared: 'type inet_proto . inet_service : ipv4_addr . inet_service;',
      elements: every.map((each) => `${each.protocol} . ${each.hostPort} : ${target(each)}`),
    },
  ]
}

const lead = [
  'dnat ip to ip daddr . meta l4proto . th dport map @forwards',
  'fib daddr type local dnat ip to meta l4proto . th dport map @forwards_every',
]

export const natChains: readonly Chain[] = [
  {
    name: 'early',
    hook: 'type filter hook prerouting priority -300; policy accept;',
    // The bridges route to the loopback, for forwards that listen there: nobody on them may use that.
    lines: ['iifname @bridges ip daddr 127.0.0.0/8 drop'],
  },
  {
    name: 'lead',
    hook: 'type nat hook prerouting priority -100; policy accept;',
    // A forward at the loopback is for the host alone, whatever comes along on a wire.
    lines: ['iifname != @bridges ip daddr != 127.0.0.0/8 jump lead_on'],
  },
  { name: 'lead_own', hook: 'type nat hook output priority -100; policy accept;', lines: ['jump lead_on'] },
  { name: 'lead_on', hook: null, lines: lead },
  {
    name: 'hide',
    hook: 'type nat hook postrouting priority 100; policy accept;',
    lines: [
      'ip saddr 127.0.0.0/8 oifname @bridges masquerade',
      'ip saddr @hidden4 oifname != @bridges masquerade',
      'ip6 saddr @hidden6 oifname != @bridges masquerade',
    ],
  },
]
