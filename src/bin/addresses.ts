/** The addresses of this machine, by which others reach it. */

import { networkInterfaces } from 'node:os'
import { limits } from '#model/limits.ts'

/** Bridges that Decant makes have the same addresses on every host: they are no host's own. */
const isOurs = (name: string) => /^dc[0-9a-f]{4}[bpv]/.test(name)

const isOfLink = (address: string) => /^fe[89ab]/.test(address) || address.startsWith('169.254.')

/** IPv4 and IPv6, in order; neither of the loopback nor of one link alone. */
export const ownAddresses = (): string[] => {
  const outer = Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    isOurs(name) ? [] : (addresses ?? []).filter(({ internal, address }) => !internal && !isOfLink(address)),
  )
  return [...new Set(outer.map(({ address }) => address))].toSorted().slice(0, limits.addressesPerHost)
}
