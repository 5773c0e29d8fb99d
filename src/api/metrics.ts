/** Figures in Prometheus' text format 0.0.4: counts by state, requests, streams, the store's health. */

import { at } from '#base/json.ts'
import { holdsRole, type Principal } from '#model/access.ts'
import type { Room } from './api.ts'
import { exportedLines, quoted } from './exported.ts'

const head = (name: string, type: 'gauge' | 'counter' | 'histogram', help: string) => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
]

/** The whole page for viewers of the pool; for others their own machines. */
export const metricsText = (room: Room, principal: Principal): string =>
  [
    ...(holdsRole(principal, 'viewer', null) ? poolLines(room) : []),
    ...exportedLines(room, principal),
    '',
  ].join('\n')

function poolLines({ desk, kinds, measures }: Room): string[] {
  const { state } = desk.store.health()
  const objects = kinds.flatMap(({ name }) => {
    const counts = new Map<string, number>()
    for (const { document } of desk.replica.all(name)) {
      const status = at(document.status, 'state') ?? at(document.status, 'phase') ?? ''
      counts.set(String(status), (counts.get(String(status)) ?? 0) + 1)
    }
    return [...counts].map(
      ([status, count]) => `decant_objects{kind="${name}",state="${quoted(status)}"} ${count}`,
    )
  })
  return [
    ...head('decant_objects', 'gauge', 'Objects by kind and state'),
    ...objects,
    ...head('decant_changes_total', 'counter', 'Changes committed over the API'),
    `decant_changes_total ${measures.commits}`,
    ...head('decant_store_revision', 'gauge', 'Revision of the store as the controller sees it'),
    `decant_store_revision ${desk.replica.revision}`,
    ...head('decant_store_healthy', 'gauge', 'Whether the store takes writes'),
    `decant_store_healthy ${state === 'ok' ? 1 : 0}`,
    ...head('decant_watches', 'gauge', 'Open watches'),
    `decant_watches ${measures.watches}`,
    ...head('decant_consoles', 'gauge', 'Open consoles'),
    `decant_consoles ${measures.consoles}`,
    ...head('decant_request_duration_seconds', 'histogram', 'Time to answer, by route and class of status'),
    ...measures.lines(),
  ]
}
