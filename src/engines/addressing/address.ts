/** IPv4 and IPv6 addresses and subnets as numbers, and their one canonical text (RFC 5952). Pure. */

export type Family = 4 | 6

export type Subnet = {
  readonly family: Family
  /** Its first and last address. */
  readonly first: bigint
  readonly last: bigint
  readonly prefix: number
}

const bitsOf = (family: Family) => (family === 4 ? 32 : 128)

export const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4)

/** The number of an address that a schema has let in. */
export const numberOf = (text: string): bigint => (familyOf(text) === 4 ? number4(text) : number6(text))

const number4 = (text: string) => text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n)

function number6(text: string): bigint {
  const plain = text.replace(/^(.*:)(\d+\.\d+\.\d+\.\d+)$/, (_, before: string, four: string) => {
    const value = number4(four)
    return `${before}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`
  })
  const [head = '', tail] = plain.split('::')
  const words = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':'))
  const [before, after] = [words(head), words(tail)]
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  const all = tail === undefined ? before : [...before, ...zeros, ...after]
  return all.reduce((sum, word) => (sum << 16n) + BigInt(`0x${word}`), 0n)
}

export const textOf = (family: Family, value: bigint): string => (family === 4 ? text4(value) : text6(value))

const text4 = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.')

function text6(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, at) =>
    ((value >> BigInt(112 - at * 16)) & 0xffffn).toString(16),
  )
  const text = words.join(':')
  // The longest run of at least two zeros, the first of equals, becomes `::`.
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run)
  const longest = runs.toSorted((a, b) => b.length - a.length)[0]
  if (longest === undefined) return text
  const at = text.indexOf(longest)
  return `${text.slice(0, at)}::${text.slice(at + longest.length).replace(/^:/, '')}`
}

/** The one text of an address, however it was written. */
export const canonical = (text: string): string => textOf(familyOf(text), numberOf(text))

/** A subnet from `address/prefix` or a lone address. */
export function subnetFrom(text: string): Subnet {
  const [address = '', length] = text.split('/')
  const family = familyOf(address)
  const bits = bitsOf(family)
  const prefix = length === undefined ? bits : Number(length)
  const host = (1n << BigInt(bits - prefix)) - 1n
  const first = numberOf(address) & ~host & ((1n << BigInt(bits)) - 1n)
  return { family, first, last: first | host, prefix }
}

export const subnetText = ({ family, first, prefix }: Subnet) => `${textOf(family, first)}/${prefix}`

export const overlaps = (a: Subnet, b: Subnet) =>
  a.family === b.family && a.first <= b.last && b.first <= a.last

export const isWithin = (address: string, subnet: Subnet) => {
  const value = numberOf(address)
  return familyOf(address) === subnet.family && value >= subnet.first && value <= subnet.last
}

/**
 * The subnets without those that lie within another, in order: what nftables takes as intervals, which must not
 * overlap.
 */
export function merged(subnets: readonly Subnet[]): Subnet[] {
  const kept: Subnet[] = []
  const inOrder = subnets.toSorted((a, b) =>
    a.first === b.first ? a.prefix - b.prefix : a.first < b.first ? -1 : 1,
  )
  for (const subnet of inOrder) {
    const before = kept.at(-1)
    if (before === undefined || !overlaps(before, subnet)) kept.push(subnet)
  }
  return kept
}

/** The address of the host on a network: the first that is not the network's own. */
export const gatewayOf = (subnet: Subnet): string => textOf(subnet.family, subnet.first + 1n)

/** Lowest and highest address that may be given to a NIC; nothing when the subnet is too small for any. */
export function usableOf({ family, first, last }: Subnet): { first: bigint; last: bigint } | undefined {
  // After the network's own address (IPv6: the routers' anycast) and the gateway's; IPv4 ends in the broadcast.
  const from = first + 2n
  const to = family === 4 ? last - 1n : last
  return from <= to ? { first: from, last: to } : undefined
}
