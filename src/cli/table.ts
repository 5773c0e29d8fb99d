/** Tables and sheets: columns aligned by display width, the last column cropped to the terminal. */

import { cropped, padded, widthOf } from './width.ts'

export type Cell = {
  readonly text: string
  readonly paint?: (text: string) => string
}

const painted = ({ text, paint }: Cell, laid: string) =>
  paint === undefined ? laid : laid.replace(text, paint)

/** Lines of a table; `columns` is the terminal's width, if it is one. The first row is the head. */
export function tableLines(rows: readonly (readonly Cell[])[], columns?: number): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: count }, (_, at) =>
    Math.max(...rows.map((row) => widthOf(row[at]?.text ?? ''))),
  )
  return rows.map((row) => {
    let used = 0
    const cells = row.map((cell, at) => {
      const isLast = at === row.length - 1
      const room = columns === undefined ? Infinity : Math.max(8, columns - used)
      const text = isLast ? cropped(cell.text, room) : cell.text
      used += (widths[at] ?? 0) + 3
      return painted({ ...cell, text }, isLast ? text : padded(text, widths[at] ?? 0))
    })
    return cells.join('   ').trimEnd()
  })
}

export type Entry = readonly [title: string, value: string]

/** `Title  value` lines; further lines of a value stand under its first. */
export function sheetLines(entries: readonly Entry[], indent = ''): string[] {
  const width = Math.max(0, ...entries.map(([title]) => widthOf(title)))
  return entries.flatMap(([title, value]) =>
    value
      .split('\n')
      .map((line, at) => `${indent}${padded(at === 0 ? title : '', width)}   ${line}`.trimEnd()),
  )
}
