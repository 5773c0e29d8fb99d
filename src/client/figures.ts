/** What was measured: histories, who uses most. */

import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import type { Figures } from '#model/metrics.ts'
import { base, part, type Query } from './addresses.ts'
import { objectFrom, pageFrom } from './answers.ts'
import type { Client } from './client.ts'

export type Values = readonly (number | null)[]

export type History = {
  readonly stepMs: number
  readonly times: readonly number[]
  readonly series: Readonly<Record<string, Column>>
}

export type Column = {
  readonly unit: string
  readonly mean: Values
  readonly least: Values | undefined
  readonly most: Values | undefined
}

export type TopItem = {
  readonly name: string
  readonly project: string | null
  readonly host: string | null
  readonly state: string | null
  readonly cpus: number | null
  readonly figures: Figures
  readonly finding:
    | { readonly resource: string; readonly strength: number; readonly message: string }
    | undefined
}

const textOrNothing = (value: unknown) => (typeof value === 'string' ? value : null)
const numbersFrom = (value: unknown): number[] => (Array.isArray(value) ? value.map(Number) : [])

function valuesFrom(value: unknown): Values | undefined {
  return Array.isArray(value) ? value.map((each) => (typeof each === 'number' ? each : null)) : undefined
}

const figuresFrom = (value: unknown): Figures =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).flatMap(([name, each]) =>
      typeof each === 'number' ? [[name, each] as const] : [],
    ),
  )

/** `from`, `to` in milliseconds since 1970, `step` in seconds. */
export async function historyOf(
  client: Client,
  kind: Kind,
  name: string,
  query: Query,
): Promise<{ readonly answer: unknown; readonly history: History }> {
  const answer = objectFrom(await client.caller.json(part(kind, name, 'metrics'), { query }))
  const columns = Object.entries(isObject(answer.series) ? answer.series : {}).flatMap(
    ([figure, column]): [string, Column][] =>
      isObject(column)
        ? [
            [
              figure,
              {
                unit: String(column.unit ?? ''),
                mean: valuesFrom(column.mean) ?? [],
                least: valuesFrom(column.least),
                most: valuesFrom(column.most),
              },
            ],
          ]
        : [],
  )
  const history = {
    stepMs: Number(answer.stepMs),
    times: numbersFrom(answer.times),
    series: Object.fromEntries(columns),
  }
  return { answer, history }
}

/** Those that use most first. */
export async function top(client: Client, query: Query, signal?: AbortSignal) {
  const answer = await client.caller.json(`${base}/top`, { query, signal })
  return { answer, items: pageFrom(answer, topItemFrom).items }
}

function topItemFrom(value: unknown): TopItem {
  const { name, project, host, state, cpus, figures, finding } = objectFrom(value)
  return {
    name: String(name),
    project: textOrNothing(project),
    host: textOrNothing(host),
    state: textOrNothing(state),
    cpus: typeof cpus === 'number' ? cpus : null,
    figures: figuresFrom(figures),
    finding: isObject(finding)
      ? {
          resource: String(finding.resource),
          strength: Number(finding.strength),
          message: String(finding.message ?? finding.code),
        }
      : undefined,
  }
}
