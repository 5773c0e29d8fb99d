/** Orders that are the same on every machine and in every language setting. */

export type Order<T> = (a: T, b: T) => number

/** Compares two plain values; numbers by size, texts by code unit, nothing first. */
export function compare(a: unknown, b: unknown): number {
  if (a === b) return 0
  if (a === undefined || a === null) return -1
  if (b === undefined || b === null) return 1
  if (typeof a === 'number' && typeof b === 'number') return a - b
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0
}

export const by =
  <T>(key: (item: T) => unknown): Order<T> =>
  (a, b) =>
    compare(key(a), key(b))

/** The first order that tells the two apart decides. */
export const firstOf =
  <T>(...orders: readonly Order<T>[]): Order<T> =>
  (a, b) => {
    for (const order of orders) {
      const way = order(a, b)
      if (way !== 0) return way
    }
    return 0
  }

export const reversed =
  <T>(order: Order<T>): Order<T> =>
  (a, b) =>
    order(b, a)
