/** Seeded randomness: the only randomness that pure code and the simulator may use. */

/** A number in [0, 1). */
export type Random = () => number

/** The mulberry32 generator: small, fast, the same sequence on every machine. Not for secrets. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number in [0, below). */
export const wholeFrom = (random: Random, below: number) => Math.floor(random() * below)

/** One of a list that is not empty. */
export const oneOf = <T>(random: Random, list: readonly T[]): T => list[wholeFrom(random, list.length)] as T
