/** Who uses most: machines or hosts with their figures of now, in the order of one of them. */

import { limits } from '#model/limits.ts'
import { measuredKinds, type Figures, type MeasuredKind } from '#model/metrics.ts'
import type { Document } from '#model/document.ts'
import { present } from '#base/assert.ts'
import { at } from '#base/json.ts'
import { kindNamed } from '#kinds/registry.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import type { Room } from './api.ts'
import { withFinding } from './present.ts'
import { oneOf, onlyKnown, wholeNumber, type Query } from './query.ts'
import type { Caller } from './route.ts'
import { sightOf } from './visibility.ts'

/** What can be sorted by: one number of the figures, the largest first. */
const orders: Readonly<Record<string, (figures: Figures) => number>> = {
  cpu: ({ cpu = 0 }) => cpu,
  steal: ({ steal = 0 }) => steal,
  memory: ({ memoryUsed, resident = 0, memory = 0, memoryAvailable = 0 }) =>
    memoryUsed ?? (resident > 0 ? resident : memory - memoryAvailable),
  disk: (figures) => sumOf(figures, /^(disk|store|cdrom).*\.(readBytes|writeBytes)$/),
  network: (figures) => sumOf(figures, /^(net|nic).*\.(receivedBytes|sentBytes)$/),
}
export const topOrders = [...Object.keys(orders), 'name']

const sumOf = (figures: Figures, names: RegExp) =>
  Object.entries(figures).reduce((sum, [name, value]) => (names.test(name) ? sum + value : sum), 0)

type Ranked = {
  readonly document: Document
  readonly figures: Figures
  readonly atMs: number
  readonly rank: number
}

export function topOf({ desk, kinds }: Room, caller: Caller, query: Query) {
  onlyKnown(query, ['kind', 'project', 'sort', 'limit'])
  const kind = kindFrom(query)
  const order = oneOf(query, 'sort') ?? 'cpu'
  if (!topOrders.includes(order)) throw fieldProblem('sort', 'choice', { choices: topOrders.join(', ') })
  const most = wholeNumber(query, 'limit', { least: 1, most: limits.pageItems }) ?? 50
  const project = kind === 'machine' ? oneOf(query, 'project') : undefined
  const isSeen = sightOf(caller.principal, present(kindNamed(kind), 'a kind that is measured'), kinds)
  const all: Ranked[] = []
  for (const { document } of desk.replica.all(kind)) {
    if ((project !== undefined && project !== '*' && document.project !== project) || !isSeen(document))
      continue
    const recent = desk.figures.recent(kind, document.id)
    if (recent === undefined) continue
    const figures = recent.newest
    all.push({ document, figures, atMs: recent.sampledAtMs, rank: orders[order]?.(figures) ?? 0 })
  }
  const byName = (a: Ranked, b: Ranked) => (a.document.name < b.document.name ? -1 : 1)
  const items = all
    .toSorted((a, b) => (order === 'name' ? 0 : b.rank - a.rank) || byName(a, b))
    .slice(0, most)
    .map(({ document, figures, atMs }) => ({
      kind,
      id: document.id,
      name: document.name,
      project: document.project,
      host: document.host ?? at(document.status, 'host') ?? null,
      state: at(document.status, 'state') ?? null,
      cpus: at(document.spec, 'cpus') ?? at(document.status, 'cpus') ?? null,
      sampledAtMs: atMs,
      figures,
      ...(kind === 'machine'
        ? { finding: withFinding(desk.figures.finding(document.id), caller.language) }
        : {}),
    }))
  return { items, total: all.length }
}

function kindFrom(query: Query): MeasuredKind {
  const asked = oneOf(query, 'kind') ?? 'machine'
  const kind = measuredKinds.find((name) => name === asked)
  if (kind === undefined) throw fieldProblem('kind', 'choice', { choices: measuredKinds.join(', ') })
  return kind
}
