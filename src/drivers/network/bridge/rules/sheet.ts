/**
 * Rules of nftables as named sets and chains, and the text that loads them: all of them in place of what was
 * there, or only the difference. Either is one transaction: the kernel goes from the old to the new at once.
 */

export type NamedSet = {
  readonly name: string
  readonly is: 'set' | 'map'
  /** Such as `type ipv4_addr;`, for a map `type ipv4_addr : verdict;`. */
  readonly declared: string
  readonly elements: readonly string[]
}

export type Chain = {
  readonly name: string
  /** Where it hooks in, such as `type filter hook input priority 0; policy accept;`; null: others jump to it. */
  readonly hook: string | null
  readonly lines: readonly string[]
}

export type Sheet = {
  readonly family: 'inet' | 'netdev'
  readonly table: string
  readonly sets: readonly NamedSet[]
  readonly chains: readonly Chain[]
}

/** Replaces the table, or makes it. */
export function wholeText(sheet: Sheet): string {
  const on = `${sheet.family} ${sheet.table}`
  const blank: Sheet = { ...sheet, sets: [], chains: [] }
  return `add table ${on}\ndelete table ${on}\nadd table ${on}\n${differenceText(blank, sheet) ?? ''}`
}

/** Takes the table away, also where there is none. */
export const goneText = ({ family, table }: Pick<Sheet, 'family' | 'table'>) =>
  `add table ${family} ${table}\ndelete table ${family} ${table}\n`

type Pair<T> = readonly [before: T | undefined, after: T | undefined]

function paired<T extends { readonly name: string }>(before: readonly T[], after: readonly T[]): Pair<T>[] {
  const [was, is] = [
    new Map(before.map((each) => [each.name, each])),
    new Map(after.map((each) => [each.name, each])),
  ]
  return [...new Set([...was.keys(), ...is.keys()])].map((name) => [was.get(name), is.get(name)])
}

const isSame = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((each, at) => each === b[at])

/** What makes one of the other; nothing where something changed that can only be made anew. */
export function differenceText(before: Sheet, after: Sheet): string | undefined {
  const on = `${after.family} ${after.table}`
  const [sets, chains] = [paired(before.sets, after.sets), paired(before.chains, after.chains)]
  const isOther =
    sets.some(([was, is]) => was && is && (was.declared !== is.declared || was.is !== is.is)) ||
    chains.some(([was, is]) => was && is && was.hook !== is.hook)
  if (isOther) return undefined
  const changed = chains.filter(([was, is]) => !isSame(was?.lines ?? [], is?.lines ?? []))
  const words = [
    ...sets.flatMap(([was, is]) => (was || !is ? [] : [`add ${is.is} ${on} ${is.name} { ${is.declared} }`])),
    ...chains.flatMap(([was, is]) => (was || !is ? [] : [`add chain ${on} ${is.name}${hookText(is)}`])),
    ...sets.flatMap((pair) => gone(on, pair)),
    ...changed.flatMap(([was]) => (was ? [`flush chain ${on} ${was.name}`] : [])),
    ...sets.flatMap((pair) => come(on, pair)),
    ...changed.flatMap(([, is]) => (is?.lines ?? []).map((line) => `add rule ${on} ${is?.name} ${line}`)),
    ...chains.flatMap(([was, is]) => (was && !is ? [`delete chain ${on} ${was.name}`] : [])),
    ...sets.flatMap(([was, is]) => (was && !is ? [`delete ${was.is} ${on} ${was.name}`] : [])),
  ]
  return words.map((word) => `${word}\n`).join('')
}

const hookText = ({ hook }: Chain) => (hook === null ? '' : ` { ${hook} }`)

/** A map's element is named by its key alone. */
const keyOf = (is: NamedSet['is'], element: string) =>
  is === 'map' ? (element.split(' : ')[0] ?? '') : element

function gone(on: string, [was, is]: Pair<NamedSet>): string[] {
  const kept = new Set(is?.elements)
  const lost = (was?.elements ?? []).filter((element) => !kept.has(element))
  if (was === undefined || lost.length === 0) return []
  return [`delete element ${on} ${was.name} { ${lost.map((each) => keyOf(was.is, each)).join(', ')} }`]
}

function come(on: string, [was, is]: Pair<NamedSet>): string[] {
  const had = new Set(was?.elements)
  const won = (is?.elements ?? []).filter((element) => !had.has(element))
  return is === undefined || won.length === 0 ? [] : [`add element ${on} ${is.name} { ${won.join(', ')} }`]
}
