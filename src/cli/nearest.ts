/** The word that somebody probably meant. */

/** Edits (insert, drop, replace, swap neighbours) that turn one word into the other. */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (rows[i - 1]?.[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swap = isSwap ? (rows[i - 2]?.[j - 2] ?? 0) + 1 : Infinity
      row.push(Math.min(change, swap, (rows[i - 1]?.[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? Infinity
}

/** The nearest of several words when it is near enough to be what was meant: a third of it wrong at most. */
export function nearest(word: string, among: readonly string[]): string | undefined {
  if (word.length > 64) return undefined
  const begun = among.filter((other) => word.length >= 3 && other.startsWith(word))
  if (begun.length === 1) return begun[0]
  const ranked = among
    .map((other) => ({ other, edits: distance(word, other) }))
    .filter(({ other, edits }) => edits <= Math.max(1, Math.floor(Math.max(word.length, other.length) / 3)))
    .toSorted((a, b) => a.edits - b.edits)
  return ranked[0]?.other
}
