/** A plan as people read it: what would be done, what it would wait for, what would then be so. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Rehearsal } from '#client/client.ts'
import { holdText, valueText } from './describe.ts'
import type { Paper } from './paper.ts'
import { oneLine } from './width.ts'

/** `create-volume  name web-boot, datastore local` */
export function stepText(step: JsonObject, paper: Paper): string {
  const { do: what, step: name, ...rest } = step
  const facts =
    Object.keys(rest).length === 0 ? '' : `  ${paper.paint('dim', valueText(rest, undefined, paper, 0))}`
  return `${oneLine(String(what ?? name ?? '?'))}${facts}`
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

export function rehearsalLines({ changes, steps, holds, predicted }: Rehearsal, paper: Paper): string[] {
  const state = predicted === null ? undefined : (predicted.status.state ?? predicted.status.phase)
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [paper.paint('bold', title), ...lines.map((line) => `  ${line}`)]
  const lines = [
    ...changeLines(changes),
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
