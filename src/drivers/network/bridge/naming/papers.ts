/** What dnsmasq of one network is told, as the texts of its three files. No word of a person is in them unchecked. */

import type { HostBridge } from '#kinds/network/parts.ts'

export type Papers = {
  /** Settled at its start. */
  readonly settings: string
  /** Read anew when it is asked to. */
  readonly leases: string
  readonly names: string
}

export type Place = { readonly leasesFile: string; readonly namesFile: string; readonly resolvFile: string }

/** A lease lasts this long; whoever asks again gets the same address for ever. */
const leaseTime = '1h'
/** At most so many questions of members are open at servers outside. */
const openQuestions = 150

export function papersOf(bridge: HostBridge, place: Place): Papers {
  const { naming } = bridge
  const leases = naming?.leases ?? []
  const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')
  return {
    settings: text([...nameLines(bridge, place), ...leaseLines(bridge, place)]),
    leases: text(
      leases.map(({ mac, address4, address6 }) =>
        [mac, address4, address6 === null ? null : `[${address6}]`].filter((word) => word !== null).join(','),
      ),
    ),
    names: text(
      leases.flatMap(({ name, address4, address6 }) =>
        name === null
          ? []
          : [address4, address6]
              .filter((address) => address !== null)
              .map((address) => `${address} ${name}.${naming?.domain} ${name}`),
      ),
    ),
  }
}

function nameLines({ interface: name, naming }: HostBridge, { namesFile, resolvFile }: Place): string[] {
  const domain = naming?.domain ?? 'internal'
  return [
    `interface=${name}`,
    'except-interface=lo',
    'bind-dynamic',
    'no-hosts',
    'no-ping',
    'pid-file=',
    `domain=${domain}`,
    `local=/${domain}/`,
    `addn-hosts=${namesFile}`,
    'domain-needed',
    'bogus-priv',
    'cache-size=1000',
    `dns-forward-max=${openQuestions}`,
    naming?.asksOutside === true ? `resolv-file=${resolvFile}` : 'no-resolv',
  ]
}

function leaseLines(bridge: HostBridge, { leasesFile }: Place): string[] {
  const { gateway4, gateway6, leaves, mtu, naming, interface: name } = bridge
  if (naming === null || !naming.hasDhcp) return []
  const servers = (is6: boolean) => naming.servers.filter((server) => server.includes(':') === is6)
  return [
    `dhcp-hostsfile=${leasesFile}`,
    'dhcp-authoritative',
    // Only who has a reservation is served: there is no pool that could be used up (I-44).
    'dhcp-ignore=tag:!known',
    'dhcp-ignore-names',
    'leasefile-ro',
    'quiet-dhcp',
    'quiet-dhcp6',
    'quiet-ra',
    `dhcp-option=option:mtu,${mtu}`,
    ...(gateway4 === null
      ? []
      : [
          `dhcp-range=${networkOf(gateway4.subnet)},static,${maskOf(gateway4.prefix)},${leaseTime}`,
          `dhcp-option=option:router${leaves ? `,${gateway4.address}` : ''}`,
          `dhcp-option=option:dns-server,${[gateway4.address, ...servers(false)].join(',')}`,
        ]),
    ...(gateway6 === null
      ? []
      : [
          `dhcp-range=${networkOf(gateway6.subnet)},static,${gateway6.prefix},${leaseTime}`,
          'enable-ra',
          `ra-param=${name},mtu:${mtu},60,${leaves ? 1800 : 0}`,
          `dhcp-option=option6:dns-server,${[gateway6.address, ...servers(true)].map((each) => `[${each}]`).join(',')}`,
        ]),
  ]
}

const networkOf = (subnet: string) => subnet.split('/')[0] ?? subnet

function maskOf(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.')
}
