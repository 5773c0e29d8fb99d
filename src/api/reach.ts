/**
 * What reaches into a host or its networks is handed out by who looks after the whole pool, on every path that yields a
 * wish; what stood there before may stay (I-43, I-44).
 */

import { at, same } from '#base/json.ts'
import { numberOf, subnetFrom } from '#engines/addressing/address.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import { holdsRole, type Principal } from '#model/access.ts'
import type { Document } from '#model/document.ts'

type Reach = (after: Document, before: Document | undefined) => string | undefined

/** The first list of these that has an entry which was not there. */
const added =
  (...fields: readonly string[]): Reach =>
  (after, before) =>
    fields.find((field) =>
      listAt(after.spec, field).some((one) => !listAt(before?.spec, field).some((other) => same(one, other))),
    )

const listAt = (value: unknown, path: string): readonly unknown[] => {
  const list = at(value, path)
  return Array.isArray(list) ? list : []
}

/** The folders from which a host takes images are its administrator's, as those that it shares. */
const fileOfHost: Reach = ({ spec }, before) => {
  const path = at(spec, 'path') ?? null
  return path === null || path === at(before?.spec, 'path') ? undefined : 'path'
}

/**
 * A physical interface or a VLAN of the hosts leads anywhere; a guest that is not guarded poses as anybody; a subnet that is
 * not private draws the host's own traffic to those addresses into the network.
 */
const wireOfHost: Reach = ({ spec }, before) => {
  if (at(spec, 'driver') !== 'bridge') return undefined
  const isNew = (field: string) => before === undefined || !same(at(spec, field), at(before.spec, field))
  if (at(spec, 'mode') === 'bridged') {
    const field = ['mode', 'interface', 'vlan'].find(isNew)
    if (field !== undefined) return field
  }
  if (at(spec, 'isFiltered') === false && isNew('isFiltered')) return 'isFiltered'
  return ['subnet4', 'subnet6'].find((field) => {
    const subnet = at(spec, field)
    return typeof subnet === 'string' && isNew(field) && !isPrivate(subnet)
  })
}

/** RFC 1918, RFC 6598, RFC 4193. */
const privateNets = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'].map(
  subnetFrom,
)

function isPrivate(text: string): boolean {
  const { family, prefix } = subnetFrom(text)
  const address = numberOf(text.split('/')[0] ?? '')
  return privateNets.some(
    (net) => net.family === family && net.prefix <= prefix && net.first <= address && address <= net.last,
  )
}

const reaches: Readonly<Record<string, Reach>> = {
  machine: added('shares', 'hostDevices'),
  image: fileOfHost,
  network: wireOfHost,
}

export function checkReach(principal: Principal, before: Document | undefined, after: Document) {
  if (holdsRole(principal, 'admin', null)) return
  const field = reaches[after.kind]?.(after, before)
  if (field !== undefined) throw fieldProblem(`spec.${field}`, 'pool')
}
