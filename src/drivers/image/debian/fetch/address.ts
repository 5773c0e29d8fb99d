/**
 * Judges addresses: which may be fetched from when a stranger names them. Refused is everything that is not plainly out in
 * the world, in any spelling: the host itself, its networks, its cloud's metadata, and what leads there by translation.
 *
 * Blocks: IANA's registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its successors).
 */

import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'

const inner = new BlockList()
const nowhere = new BlockList()

const v4: readonly (readonly [string, number])[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
]
const v6: readonly (readonly [string, number])[] = [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  // A translation that a site has for itself (RFC 8215): where the address within it stands, only the site knows.
  ['64:ff9b:1::', 48],
]
/** No server is ever there, whatever is allowed: unspecified, multicast, broadcast, reserved, documentation. */
const never4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
const never6: readonly (readonly [string, number])[] = [
  ['::', 128],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['5f00::', 16],
  ['ff00::', 8],
]
for (const [net, bits] of v4) inner.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of v6) inner.addSubnet(net, bits, 'ipv6')
for (const [net, bits] of never4) nowhere.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of never6) nowhere.addSubnet(net, bits, 'ipv6')

/** The IPv4 address within an IPv6 one: mapped, compatible, translated (NAT64), 6to4. */
function within(address: string): string | undefined {
  const words = wordsOf(address)
  if (words === undefined) return undefined
  const isZero = (from: number, to: number) => words.slice(from, to).every((word) => word === 0)
  const at = (index: number) => {
    const [high = 0, low = 0] = words.slice(index)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  if (isZero(0, 5) && (words[5] === 0xffff || (words[5] === 0 && !isZero(6, 7)))) return at(6)
  if (isZero(0, 4) && words[4] === 0xffff && words[5] === 0) return at(6)
  if (words[0] === 0x64 && words[1] === 0xff9b) return at(6)
  return words[0] === 0x2002 ? at(1) : undefined
}

function wordsOf(address: string): number[] | undefined {
  const plain = address.split('%')[0] ?? ''
  if (isIP(plain) !== 6) return undefined
  const dotted = /(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain)
  const text =
    dotted === null
      ? plain
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
  const [left = '', right] = text.split('::')
  const read = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)))
  const [before, after] = [read(left), read(right ?? '')]
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
}

/** What this host's interfaces are on, whatever the addresses look like: services there may trust their neighbours. */
export function ownNetworks(
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): BlockList {
  const own = new BlockList()
  for (const { address, cidr, family } of Object.values(interfaces).flatMap((each) => each ?? []))
    own.addSubnet(
      address,
      Number(cidr?.split('/')[1] ?? (family === 'IPv4' ? 32 : 128)),
      kindOf(family === 'IPv4'),
    )
  return own
}

const kindOf = (isFour: boolean) => (isFour ? 'ipv4' : 'ipv6')

export function isWithin(own: BlockList, address: string): boolean {
  const inside = within(address)
  return (
    own.check(address, kindOf(isIP(address) === 4)) || (inside !== undefined && own.check(inside, 'ipv4'))
  )
}

/** Why an address is refused, or nothing. `allowsPrivate`: the host's own networks may be reached. */
export function faultOfAddress(address: string, allowsPrivate: boolean): string | undefined {
  const family = isIP(address)
  if (family === 0) return 'it is no address'
  if (address.includes('%')) return 'it is an address of one link only'
  const kind = kindOf(family === 4)
  const inside = family === 6 ? within(address) : undefined
  if (inside !== undefined) {
    const why = faultOfAddress(inside, allowsPrivate)
    if (why !== undefined) return why
  }
  if (inside === undefined && nowhere.check(address, kind)) return 'no server is ever there'
  return !allowsPrivate && inner.check(address, kind) ? "it belongs to the host's own networks" : undefined
}
