/** Quantities as people write them: `512MiB`, `1.5GiB`, `30s`, `2h`. Always stored in one unit. */

const bytesPerUnit: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
}

const secondsPerUnit: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }

export type Unit = 'MiB' | 'GiB' | 'bytes' | 'seconds'

const tables: Readonly<Record<Unit, readonly [Readonly<Record<string, number>>, number]>> = {
  bytes: [bytesPerUnit, 1],
  MiB: [bytesPerUnit, 2 ** 20],
  GiB: [bytesPerUnit, 2 ** 30],
  seconds: [secondsPerUnit, 1],
}

export const isUnit = (text: unknown): text is Unit => typeof text === 'string' && Object.hasOwn(tables, text)

/** Reads a quantity into `unit`. A bare number is already in that unit. Nothing when it is not one. */
export function quantityFrom(text: string, unit: Unit): number | undefined {
  const [, digits, suffix = ''] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text) ?? []
  if (digits === undefined) return undefined
  const [table, one] = tables[unit]
  const scale = suffix === '' ? one : Object.hasOwn(table, suffix) ? table[suffix] : undefined
  return scale === undefined ? undefined : (Number(digits) * scale) / one
}

/** Bytes in the largest binary unit that keeps the number at one or more: `1.5 GiB`. */
export function bytesText(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB'] as const
  const unit = units.find((name) => bytes >= (bytesPerUnit[name] ?? 1))
  if (unit === undefined) return `${bytes} B`
  return `${Number((bytes / (bytesPerUnit[unit] ?? 1)).toFixed(1))} ${unit}`
}

/** Seconds as `42s`, `3m10s`, `5h2m`, `3d4h`. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m${whole % 60}s`
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${Math.floor((whole % 3600) / 60)}m`
  return `${Math.floor(whole / 86400)}d${Math.floor((whole % 86400) / 3600)}h`
}
