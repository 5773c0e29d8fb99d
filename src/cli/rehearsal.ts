/** A plan as people read it: what would be done, what it would wait for, what would then be so. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Rehearsal } from '#client/client.ts'
import { holdText, valueText } from './describe.ts'
import type { Paper } from './paper.ts'
import { oneLine } from './width.ts'

/** The step's sentence; without one its name and plain facts. What is nested is left to `--format json`. */
export function stepText(step: JsonObject, paper: Paper): string {
  if (typeof step.message === 'string') return oneLine(step.message)
  const { do: what, step: name, ...facts } = step
  const rest = Object.fromEntries(Object.entries(facts).filter(([, value]) => typeof value !== 'object'))
  const told = Object.keys(rest).length === 0 ? '' : `  ${valueText(rest, undefined, paper, 0)}`
  return `${oneLine(String(what ?? name ?? '?'))}${paper.paint('dim', told)}`
}

/** One difference: `spec.cpus: 1 → 2`. */
export function differenceText(path: string, before: unknown, after: unknown): string {
  const text = (value: unknown) => (value === undefined ? '∅' : oneLine(JSON.stringify(value)))
  return `${oneLine(path)}: ${text(before)} → ${text(after)}`
}

const changeLines = (changes: readonly unknown[]) =>
  changes
    .filter(isObject)
    .filter(({ path }) => typeof path === 'string')
    .map(({ path, before, after }) => `  ${differenceText(String(path), before, after)}`)

export function rehearsalLines(rehearsal: Rehearsal, paper: Paper): string[] {
  const { isNew, changes, steps, holds, predicted } = rehearsal
  const state = predicted === null ? undefined : (predicted.status.state ?? predicted.status.phase)
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [paper.paint('bold', title), ...lines.map((line) => `  ${line}`)]
  const lines = [
    ...(isNew ? [] : changeLines(changes)),
    ...section(
      paper.text('plan-steps'),
      steps.map((step) => stepText(step, paper)),
    ),
    ...section(
      paper.text('plan-holds'),
      holds.map((hold) => holdText(hold, paper.language)),
    ),
    ...section(paper.text('plan-predicted'), typeof state === 'string' ? [oneLine(state)] : []),
  ]
  return lines.length === 0 ? [paper.text('plan-nothing')] : lines
}
