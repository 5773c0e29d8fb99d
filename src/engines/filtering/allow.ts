/**
 * What the rules of a security group allow, with as few entries as say the same: the cost of a packet grows with
 * their number. Pure.
 */

import { merged, subnetFrom, subnetText } from '#engines/addressing/address.ts'
import type { Allow, HostGroup, Range } from '#kinds/network/parts.ts'
import type { Rule, SecurityGroupSpec } from '#kinds/security-group/schema.ts'

/** A security group as its host is told of it: groups in rules by id, and who its members are. */
export type ToldGroup = {
  readonly id: string
  readonly spec: SecurityGroupSpec
  /** Name of a group in a rule → its id; null: no such group, and so nobody. */
  readonly resolved: Readonly<Record<string, string | null>>
  readonly members4: readonly string[]
  readonly members6: readonly string[]
  readonly membersMac: readonly string[]
}

export const groupFrom = (told: ToldGroup): HostGroup => ({
  id: told.id,
  in: allowsOf(told, 'in'),
  out: allowsOf(told, 'out'),
  members4: told.members4,
  members6: told.members6,
  membersMac: told.membersMac,
})

export function allowsOf({ spec, resolved }: ToldGroup, direction: Rule['direction']): Allow[] {
  const single = spec.rules
    .filter((rule) => rule.direction === direction)
    .flatMap((rule) => allowOf(rule, resolved))
  return joinPorts(joinAddresses(joinPorts(single)))
}

function allowOf(rule: Rule, resolved: ToldGroup['resolved']): Allow[] {
  const { protocol } = rule
  const hasPorts = (protocol === 'tcp' || protocol === 'udp') && rule.fromPort !== null
  const ports: Range[] = hasPorts ? rangeOf(rule.fromPort ?? 0, rule.toPort ?? rule.fromPort ?? 0) : []
  if (hasPorts && ports.length === 0) return []
  const peers: Allow['peers'][] = []
  if (rule.addresses.length > 0) peers.push(netsOf(rule.addresses))
  if (rule.group !== null) {
    const group = resolved[rule.group]
    if (typeof group === 'string') peers.push({ group })
  }
  if (rule.addresses.length === 0 && rule.group === null) peers.push(null)
  return peers.map((each) => ({ protocol, ports, peers: each }))
}

const rangeOf = (from: number, to: number): Range[] => (from <= to ? [[from, to]] : [])

function netsOf(addresses: readonly string[]): Extract<Allow['peers'], { nets4: unknown }> {
  const subnets = addresses.map(subnetFrom)
  const of = (family: 4 | 6) => merged(subnets.filter((subnet) => subnet.family === family)).map(subnetText)
  return { nets4: of(4), nets6: of(6) }
}

const keyOf = (value: unknown) => JSON.stringify(value)

function grouped<T>(items: readonly T[], key: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const list = groups.get(key(item))
    if (list === undefined) groups.set(key(item), [item])
    else list.push(item)
  }
  return [...groups.values()]
}

/** Entries for the same peers become one with all their ports. */
function joinPorts(allows: readonly Allow[]): Allow[] {
  return grouped(allows, ({ protocol, peers }) => keyOf([protocol, peers])).map((same) => {
    const [first] = same as [Allow]
    const isEvery = same.some(({ ports }) => ports.length === 0)
    return { ...first, ports: isEvery ? [] : mergedRanges(same.flatMap(({ ports }) => ports)) }
  })
}

/** Entries for the same ports become one with all their addresses. */
function joinAddresses(allows: readonly Allow[]): Allow[] {
  const [byAddress, others]: [Allow[], Allow[]] = [[], []]
  for (const allow of allows) (isByAddress(allow) ? byAddress : others).push(allow)
  const joined = grouped(byAddress, ({ protocol, ports }) => keyOf([protocol, ports])).map((same) => {
    const [first] = same as [Allow]
    return { ...first, peers: netsOf(same.flatMap(addressesOf)) }
  })
  return [...others, ...joined]
}

const isByAddress = ({ peers }: Allow) => peers !== null && 'nets4' in peers
const addressesOf = ({ peers }: Allow) =>
  peers !== null && 'nets4' in peers ? [...peers.nets4, ...peers.nets6] : []

/** Ranges in order, those that touch or overlap as one. */
export function mergedRanges(ranges: readonly Range[]): Range[] {
  const kept: [number, number][] = []
  for (const [from, to] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = kept.at(-1)
    if (before !== undefined && from <= before[1] + 1) before[1] = Math.max(before[1], to)
    else kept.push([from, to])
  }
  return kept
}
