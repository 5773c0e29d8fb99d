/** `GET /api/v1/networks/NAME/topology`: who is on a network, of those that the caller may see (I-42). */

import { present } from '#base/assert.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { topologyOf } from '#kinds/network/report.ts'
import { network, type NetworkDocument } from '#kinds/network/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import { found, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { onlyKnown } from './query.ts'
import type { Call, Route } from './route.ts'
import { sightOf } from './visibility.ts'

export const topologyRoute = (room: () => Room): Route => ({
  method: 'GET',
  path: '/api/v1/networks/:name/topology',
  summary: 'Who is on a network: hosts, machines, addresses, groups, links, forwards',
  role: network.access.read,
  scope: 'object',
  kind: network.name,
  isChange: false,
  action: 'network.topology',
  answers: 'The network and its `hosts`, each with its `nics`; those that the caller may see',
  handle: async (call) => ({ status: 200, body: pictured(room(), call) }),
})

function pictured(room: Room, { caller, query, params }: Call) {
  onlyKnown(query, ['project'])
  const kind = present(kindNamed('network'), 'there are networks')
  const { document } = found(room, caller, { kind, project: projectOf(kind, query), name: params.name ?? '' })
  const { desk, kinds } = room
  const isSeen = sightOf(caller.principal, present(kindNamed('guest'), 'there are guests'), kinds)
  const guests = desk.replica
    .by('guests-on-network', document.id)
    .map((stored) => stored.document)
    .filter(isSeen) as GuestDocument[]
  return topologyOf(
    document as NetworkDocument,
    guests,
    (group) => desk.replica.get('security-group', group)?.document.name ?? group,
  )
}
