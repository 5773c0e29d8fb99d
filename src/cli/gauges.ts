/** Figures as people read them: with their unit, and as a line of bars. */

import { bytesText } from '#base/quantity.ts'

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** At most three digits before and two behind the point. */
const brief = (value: number) =>
  value === 0 ? '0' : value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))

export const percentText = (share: number) => `${Math.round(share * 100)}%`
export const rateText = (bytes: number) => `${bytesText(Math.round(bytes))}/s`
export const millisecondsText = (seconds: number) => `${brief(seconds * 1000)} ms`

/** A value of a figure with its unit. */
export function figureText(value: number, unit: string): string {
  if (unit === 'share') return percentText(value)
  if (unit === 'bytes') return bytesText(Math.round(value))
  if (unit === 'bytes/s') return rateText(value)
  if (unit === 'seconds') return millisecondsText(value)
  return unit.endsWith('/s') ? `${brief(value)}/s` : brief(value)
}

type Values = readonly (number | null)[]

/** Means of as many parts of a time as there are columns; null where nothing is known. */
export function resampled(values: Values, columns: number): (number | null)[] {
  if (values.length <= columns) return [...values]
  return Array.from({ length: columns }, (_, at) => {
    const [from, to] = [at, at + 1].map((n) => Math.floor((n * values.length) / columns))
    const some = values.slice(from, to).filter((value) => value !== null)
    return some.length === 0 ? null : some.reduce((sum, value) => sum + value, 0) / some.length
  })
}

/** From nothing to the largest of the values; a gap stays a gap. */
export function barsOf(values: Values, columns: number): string {
  const shown = resampled(values, columns)
  const largest = Math.max(0, ...shown.map((value) => value ?? 0))
  return shown
    .map((value) => {
      if (value === null) return ' '
      const level = largest === 0 ? 0 : Math.round((value / largest) * (bars.length - 1))
      return bars[level] ?? ' '
    })
    .join('')
}
