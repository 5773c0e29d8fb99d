/**
 * Slots as bytes: moments and columns, byte planes apart, compressed. Numbers keep 12 bits of their mantissa
 * (an error below 0.02 %), so that noise costs no room.
 *
 *     block    version u8 · entries u16 · columns u16 · figure ids u16 … (top bit: with extremes) · zstd(body)
 *     body     moments f64 … · planes of f32: for each column weight, mean [, least, most]; NaN: unknown
 */

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { addTo, type Roll, type Slots } from '#base/rollup.ts'

const version = 1
const headBytes = 5
const withExtremes = 0x8000
/** A body that says it is larger is not one of ours. */
const bodyBytes = 2 ** 26

export type Dictionary = {
  idOf(name: string): number
  /** Nothing when the figure is no longer known. */
  nameOf(id: number): string | undefined
  hasExtremes(name: string): boolean
}

/** `isFine`: slots hold one value each, extremes say nothing. */
export function blockFrom(slots: Slots, dictionary: Dictionary, isFine: boolean): Buffer {
  const moments = [...slots.keys()].toSorted((a, b) => a - b)
  const names = [...new Set([...slots.values()].flatMap((rolls) => [...rolls.keys()]))]
  const head = Buffer.alloc(headBytes + 2 * names.length)
  head.writeUInt8(version, 0)
  head.writeUInt16LE(moments.length, 1)
  head.writeUInt16LE(names.length, 3)
  const columns: Float32Array[] = []
  for (const [at, name] of names.entries()) {
    const extremes = !isFine && dictionary.hasExtremes(name)
    head.writeUInt16LE(dictionary.idOf(name) | (extremes ? withExtremes : 0), headBytes + 2 * at)
    columns.push(...columnsOf(moments, slots, name, extremes))
  }
  const body = Buffer.concat([new Uint8Array(Float64Array.from(moments).buffer), planesOf(columns)])
  return Buffer.concat([head, compressed(body)])
}

/** The lightest level: planes of numbers gain nothing by more, and there are many of them. */
const compressed = (body: Buffer) =>
  zstdCompressSync(body, {
    pledgedSrcSize: body.length,
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  })

function columnsOf(
  moments: readonly number[],
  slots: Slots,
  name: string,
  extremes: boolean,
): Float32Array[] {
  const parts: readonly (keyof Roll)[] = extremes ? ['weight', 'mean', 'least', 'most'] : ['weight', 'mean']
  return parts.map((part) => {
    const column = new Float32Array(moments.length)
    for (const [at, moment] of moments.entries())
      column[at] = slots.get(moment)?.get(name)?.[part] ?? Number.NaN
    return part === 'weight' ? column : rounded(column)
  })
}

/** To 12 bits of mantissa, to the nearest. */
function rounded(column: Float32Array): Float32Array {
  const bits = new Uint32Array(column.buffer)
  for (let at = 0; at < bits.length; at++) {
    const is = bits[at] ?? 0
    // Infinity and NaN have all bits of the exponent and must not be carried into.
    if ((is & 0x7f800000) !== 0x7f800000) bits[at] = (is + 0x400) & 0xfffff800
  }
  return column
}

/** First all first bytes, then all second ones: like stands beside like. */
function planesOf(columns: readonly Float32Array[]): Uint8Array {
  const count = columns.reduce((sum, { length }) => sum + length, 0)
  const planes = new Uint8Array(count * 4)
  let from = 0
  for (const column of columns) {
    const bytes = new Uint8Array(column.buffer)
    for (let at = 0; at < column.length; at++)
      for (let plane = 0; plane < 4; plane++) planes[plane * count + from + at] = bytes[at * 4 + plane] ?? 0
    from += column.length
  }
  return planes
}

/** Adds what a block holds to `into`. Throws what cannot be read. */
export function blockInto(into: Slots, block: Uint8Array, dictionary: Dictionary): Slots {
  const view = Buffer.from(block.buffer, block.byteOffset, block.byteLength)
  if (view.readUInt8(0) !== version) throw new RangeError(`a block of version ${view.readUInt8(0)}`)
  const [entries, columns] = [view.readUInt16LE(1), view.readUInt16LE(3)]
  const body = zstdDecompressSync(view.subarray(headBytes + 2 * columns), { maxOutputLength: bodyBytes })
  const values = valuesIn(body.subarray(entries * 8))
  let from = 0
  for (let column = 0; column < columns; column++) {
    const word = view.readUInt16LE(headBytes + 2 * column)
    const name = dictionary.nameOf(word & ~withExtremes)
    const parts = (word & withExtremes) === 0 ? 2 : 4
    const value = (part: number, entry: number) => values[from + part * entries + entry] ?? Number.NaN
    for (let entry = 0; entry < entries; entry++) {
      if (name === undefined) break
      const [weight, mean] = [value(0, entry), value(1, entry)]
      if (Number.isNaN(weight) || Number.isNaN(mean)) continue
      const extremes =
        parts === 4 ? { least: value(2, entry), most: value(3, entry) } : { least: mean, most: mean }
      addTo(into, body.readDoubleLE(entry * 8), name, { weight, mean, ...extremes })
    }
    from += parts * entries
  }
  return into
}

function valuesIn(planes: Uint8Array): Float32Array {
  const count = planes.length >> 2
  const bytes = new Uint8Array(count * 4)
  for (let plane = 0; plane < 4; plane++)
    for (let at = 0; at < count; at++) bytes[at * 4 + plane] = planes[plane * count + at] ?? 0
  return new Float32Array(bytes.buffer)
}
