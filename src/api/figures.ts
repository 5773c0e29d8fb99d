/** What was measured, over the API: a history, what bounds a machine now, and who uses most. */

import { limits } from '#model/limits.ts'
import { figureNamed, measuredKinds, orderedNames, type MeasuredKind } from '#model/metrics.ts'
import type { Kind } from '#model/kind.ts'
import { kindNamed } from '#kinds/registry.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import type { History } from '#drivers/metrics/port.ts'
import { present } from '#base/assert.ts'
import { found, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { withFinding } from './present.ts'
import { oneOf, onlyKnown, wholeNumber, type Query } from './query.ts'
import type { Answer, Call, Route } from './route.ts'
import { topOf } from './top.ts'

const shared = { method: 'GET', isChange: false } as const
const usualSpanMs = 3_600_000
/** As many as a wide screen has columns for. */
const usualPoints = 360
const finestSeconds = 10
const longestSpanMs = 5 * 366 * 86_400_000

const kindOf = (name: MeasuredKind): Kind => present(kindNamed(name), 'a kind that is measured is a kind')

export const figureRoutes = (room: () => Room): Route[] => [
  ...measuredKinds.map((name) => historyRoute(room, name)),
  {
    ...shared,
    kind: 'machine',
    path: '/api/v1/machines/:name/finding',
    summary: 'What bounds the machine now: its CPUs, memory, disk, network, or its neighbours',
    role: 'viewer',
    scope: 'object',
    action: 'machine.finding',
    answers:
      '`finding` (`resource`, `strength`, `code`, `facts`, `message`, `also`), `figures`, `sampledAtMs`',
    handle: async (call) => finding(room(), call),
  },
  {
    ...shared,
    path: '/api/v1/top',
    summary: 'Machines (or hosts: `kind=host`) with their figures of now, those that use most first',
    role: 'signed-in',
    scope: 'none',
    action: 'top.list',
    answers: '`items`, `total`',
    handle: async ({ caller, query }) => ({ status: 200, body: topOf(room(), caller, query) }),
  },
]

const historyRoute = (room: () => Room, name: MeasuredKind): Route => {
  const { plural, access } = kindOf(name)
  return {
    ...shared,
    kind: name,
    path: `/api/v1/${plural}/:name/metrics`,
    summary: 'What was measured: `from`, `to` (milliseconds since 1970), `step` (seconds), `series`',
    role: access.read,
    scope: 'object',
    action: `${name}.metrics`,
    answers:
      '`fromMs`, `toMs`, `stepMs`, `times`, `series`: by name `unit`, `mean`, and `least`, `most` where they are kept',
    handle: (call) => history(room(), name, call),
  }
}

async function history(room: Room, name: MeasuredKind, { caller, params, query }: Call): Promise<Answer> {
  onlyKnown(query, ['project', 'from', 'to', 'step', 'series'])
  const kind = kindOf(name)
  const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
  const { document } = found(room, caller, address)
  const { fromMs, toMs, stepMs } = spanFrom(query, room.desk.clock.now())
  const names = namesFrom(query, name)
  const subject = { kind: name, id: document.id }
  const got = await room.desk.figures.read({ subject, fromMs, toMs, stepMs, names })
  const counted = (Object.keys(got.series).length * 3 + 1) * got.times.length
  if (counted > limits.metricsValues) throw fieldProblem('step', 'least', { bound: leastStep(counted, got) })
  return {
    status: 200,
    body: { fromMs, toMs, stepMs: got.stepMs, times: got.times, series: told(name, got) },
  }
}

/** Seconds with which the answer would be as long as one may be. */
const leastStep = (counted: number, { stepMs }: History) =>
  Math.ceil((counted / limits.metricsValues) * (stepMs / 1000))

/** With its unit; extremes only where they are kept and say more than the mean. */
function told(kind: MeasuredKind, { series, stepMs }: History) {
  const entries = orderedNames(kind, Object.keys(series)).map((name) => {
    const known = figureNamed(kind, name)
    const { mean, least, most } = series[name] ?? { mean: [], least: [], most: [] }
    const hasExtremes = known?.hasExtremes === true && stepMs > finestSeconds * 1000
    return [name, { unit: known?.unit ?? '', mean, ...(hasExtremes ? { least, most } : {}) }]
  })
  return Object.fromEntries(entries) as Record<string, unknown>
}

function spanFrom(query: Query, nowMs: number) {
  const moment = { least: 0, most: Number.MAX_SAFE_INTEGER }
  const toMs = wholeNumber(query, 'to', moment) ?? nowMs
  const fromMs = wholeNumber(query, 'from', moment) ?? Math.max(0, toMs - usualSpanMs)
  if (fromMs >= toMs) throw fieldProblem('from', 'most', { bound: toMs - 1 })
  if (toMs - fromMs > longestSpanMs) throw fieldProblem('from', 'least', { bound: toMs - longestSpanMs })
  const step = wholeNumber(query, 'step', { least: finestSeconds, most: 31 * 86_400 })
  const stepMs = step === undefined ? (toMs - fromMs) / usualPoints : step * 1000
  return { fromMs, toMs, stepMs: Math.max(finestSeconds * 1000, Math.round(stepMs)) }
}

/** Names of figures, commas between; a part or a whole one: `disk0`, `cpu,disk0.latency`. */
function namesFrom(query: Query, kind: MeasuredKind): string[] | null {
  const asked = oneOf(query, 'series')
  if (asked === undefined || asked === '') return null
  const names = asked.split(',')
  if (names.length > limits.figuresPerSample)
    throw fieldProblem('series', 'longest', { bound: limits.figuresPerSample })
  for (const name of names) if (figureNamed(kind, name) === undefined) throw fieldProblem('series', 'query')
  return names
}

function finding(room: Room, { caller, params, query }: Call): Answer {
  onlyKnown(query, ['project'])
  const kind = kindOf('machine')
  const { document } = found(room, caller, { kind, project: projectOf(kind, query), name: params.name ?? '' })
  const { figures } = room.desk
  const recent = figures.recent('machine', document.id)
  const body = {
    finding: withFinding(figures.finding(document.id), caller.language),
    figures: recent?.mean ?? {},
    sampledAtMs: recent?.sampledAtMs ?? null,
  }
  return { status: 200, body }
}
