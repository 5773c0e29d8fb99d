/**
 * Means that can be put together: of parts of a time to the whole of it, in any order, without losing the sum, the
 * least or the most.
 */

/** `weight`: how much the mean counts, such as the milliseconds that it was taken over; above 0. */
export type Roll = {
  readonly weight: number
  readonly mean: number
  readonly least: number
  readonly most: number
}

/** Rolls by name, at the start of each slot. */
export type Slots = Map<number, Map<string, Roll>>

export const rollOf = (value: number, weight: number): Roll => ({
  weight,
  mean: value,
  least: value,
  most: value,
})

/** Commutative, and associative but for rounding. */
export function together(a: Roll, b: Roll): Roll {
  const weight = a.weight + b.weight
  return {
    weight,
    // The difference, not the sum, is weighted: equal means stay what they are.
    mean: a.mean + (b.mean - a.mean) * (b.weight / weight),
    least: Math.min(a.least, b.least),
    most: Math.max(a.most, b.most),
  }
}

/** The slot of what ended at a moment: a mean that ended with a slot belongs to it, not to the next. */
export const slotOf = (atMs: number, stepMs: number) => Math.floor((atMs - 1) / stepMs) * stepMs

/** Adds a roll to a slot. */
export function addTo(slots: Slots, slotMs: number, name: string, roll: Roll) {
  const slot = slots.get(slotMs) ?? new Map<string, Roll>()
  slots.set(slotMs, slot)
  const there = slot.get(name)
  slot.set(name, there === undefined ? roll : together(there, roll))
}

/** Puts slots together into longer ones; `stepMs` is a multiple of theirs. */
export function coarser(slots: Slots, stepMs: number, into: Slots = new Map()): Slots {
  for (const [slotMs, rolls] of slots) {
    const wider = Math.floor(slotMs / stepMs) * stepMs
    for (const [name, roll] of rolls) addTo(into, wider, name, roll)
  }
  return into
}
