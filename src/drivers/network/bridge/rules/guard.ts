/**
 * What a NIC may send at all, per port, before anything else sees it (netdev ingress): its own MAC, its own
 * addresses in IP, ARP and ND; never as a DHCP server or a router (I-44).
 */

import type { HostNetworks, HostPort } from '#kinds/network/parts.ts'
import type { Chain, NamedSet, Sheet } from './sheet.ts'

/** The link-local address that a MAC makes (RFC 4291, appendix A). */
export function linkLocalOf(mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((part) => Number.parseInt(part, 16))
  const word = (high: number, low: number) => ((high << 8) | low).toString(16)
  return `fe80::${word(a ^ 2, b)}:${word(c, 0xff)}:${word(0xfe, d)}:${word(e, f)}`
}

/** All 128 bits of an address, as a raw comparison wants them. */
export function rawOf(address: string): string {
  const [head = '', tail] = address.split('::')
  const words = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'))
  const [before, after] = [words(head), words(tail)]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  const all = tail === undefined ? before : [...before, ...zeros, ...after]
  return `0x${all.map((word) => word.padStart(4, '0')).join('')}`
}

export function guardSheet(table: string, world: HostNetworks): Sheet {
  const guarded = world.ports.filter(({ isFiltered, mbitOut }) => isFiltered || mbitOut !== null)
  return {
    family: 'netdev',
    table,
    sets: world.bridges.flatMap(({ interface: name, mac }) => {
      const ports = world.ports.filter(({ bridge }) => bridge === name)
      return localSets(name, [mac, ...ports.map((port) => port.mac)])
    }),
    chains: guarded.map(chainOf),
  }
}

/**
 * Link-local addresses are free to choose (RFC 7217), but not those that the host and the others make of their
 * MACs. Twice: as addresses, and as bits, for the targets of advertisements.
 */
function localSets(bridge: string, macs: readonly string[]): NamedSet[] {
  const addresses = [...new Set(macs)].map(linkLocalOf)
  return [
    { name: `local_${bridge}`, is: 'set', declared: 'type ipv6_addr;', elements: addresses },
    { name: `target_${bridge}`, is: 'set', declared: `typeof ${target};`, elements: addresses.map(rawOf) },
  ]
}

function chainOf(port: HostPort): Chain {
  const pace = port.mbitOut === null ? [] : [paceOf(port.mbitOut)]
  const lines = [`ether saddr != ${port.mac} drop`, ...arpLines(port), ...ip4Lines(port), ...ip6Lines(port)]
  const hook = (policy: string) =>
    `type filter hook ingress device "${port.interface}" priority -300; policy ${policy};`
  return port.isFiltered
    ? { name: port.interface, hook: hook('drop'), lines: [...pace, ...lines] }
    : { name: port.interface, hook: hook('accept'), lines: pace }
}

/** Mbit/s as nftables counts: bytes, and a tenth of a second's worth at once. */
function paceOf(mbit: number): string {
  const kbytes = Math.max(1, Math.round((mbit * 1000) / 8))
  const burst = Math.max(64, Math.round(kbytes / 10))
  return `limit rate over ${kbytes} kbytes/second burst ${burst} kbytes drop`
}

/** Where the address is not ours to give (somebody else's DHCP), only the MAC is known. */
const isUnknown = ({ address4, address6 }: HostPort) => address4 === null && address6 === null

function arpLines(port: HostPort): string[] {
  const own = [port.address4, '0.0.0.0'].filter((address) => address !== null)
  const from = isUnknown(port) ? '' : ` arp saddr ip { ${own.join(', ')} }`
  return [
    `ether type arp arp htype 1 arp ptype ip arp saddr ether ${port.mac}${from} accept`,
    'ether type arp drop',
  ]
}

function ip4Lines(port: HostPort): string[] {
  const from = isUnknown(port)
    ? ['ip saddr != 0.0.0.0 accept']
    : port.address4 === null
      ? []
      : [`ip saddr ${port.address4} accept`]
  return [
    'ip daddr 127.0.0.0/8 drop',
    'udp sport 67 drop',
    'ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept',
    ...from,
    'drop',
  ].map((line) => `ether type ip ${line}`)
}

const target = '@th,64,128'
const advert = 'icmpv6 type nd-neighbor-advert'

function ip6Lines(port: HostPort): string[] {
  const local = linkLocalOf(port.mac)
  const own = port.address6 === null ? [] : [port.address6]
  const isOther = own.map((address) => `${target} != ${rawOf(address)} `).join('')
  const from = isUnknown(port) ? ['!= ::'] : [...own, 'fe80::/10']
  return [
    'icmpv6 type { nd-router-advert, nd-redirect } drop',
    'udp sport 547 drop',
    `ip6 saddr != ${local} ip6 saddr @local_${port.bridge} drop`,
    // The target is what the others will believe (RFC 4861, §4.4): an own address, or a link-local one of nobody else.
    `${advert} ${target} != ${rawOf(local)} ${target} @target_${port.bridge} drop`,
    ...(isUnknown(port) ? [] : [`${advert} ${isOther}@th,64,10 != 0x3fa drop`]),
    // Looking whether an address is free, asking for routers, joining groups: without an address yet.
    'ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld2-listener-report } accept',
    // What is cut into pieces could hide a router or a server in what follows (RFC 6980, RFC 7113): of pieces, only
    // those are let through of which it is plain what they are.
    ...from.flatMap((address) => [
      `ip6 saddr ${address} exthdr frag missing accept`,
      `ip6 saddr ${address} exthdr frag exists meta l4proto { tcp, udp } accept`,
    ]),
    'drop',
  ].map((line) => `ether type ip6 ${line}`)
}
