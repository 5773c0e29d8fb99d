/**
 * Which files a volume is made of and what each stands on: a graph of plain values and the changes that are allowed
 * to it. Pure; every driver of datastores keeps such a graph and obeys these rules.
 *
 *     top ──stands on──▶ layer (named by a snapshot) ──▶ layer without a name ──▶ image, or a layer of another volume
 *     next: a new top above the present one, prepared for a snapshot, perhaps already written to
 */

export type Base =
  | { readonly is: 'image'; readonly image: string }
  | { readonly is: 'node'; readonly volume: string; readonly node: string }

export type Node = {
  readonly format: 'qcow2' | 'raw'
  readonly on: Base | null
  /** Name of the key that opens it; null: not encrypted. */
  readonly key: string | null
}

export type Strata = {
  readonly version: 1
  /** Null once the volume is removed and only what others stand on is left. */
  readonly top: string | null
  readonly nodes: Readonly<Record<string, Node>>
  /** Snapshot → its layer. */
  readonly layers: Readonly<Record<string, string>>
  readonly next: { readonly snapshot: string; readonly node: string } | null
  readonly reverted: { readonly snapshot: string; readonly at: number } | null
  /** Its content is still coming from elsewhere. */
  readonly isArriving: boolean
}

/** Whether a file of another volume stands on this node. */
export type StoodOn = (node: string) => boolean

export type Merge = { readonly gone: string; readonly into: string }

export const strataOf = (node: string, first: Node): Strata => ({
  version: 1,
  top: node,
  nodes: { [node]: first },
  layers: {},
  next: null,
  reverted: null,
  isArriving: false,
})

const without = <T>(record: Readonly<Record<string, T>>, name: string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([each]) => each !== name))

const above = (volume: string, node: string, key: string | null): Node => ({
  format: 'qcow2',
  on: { is: 'node', volume, node },
  key,
})

/** A new top is prepared above the present one. */
export function withNext(
  strata: Strata,
  { volume, snapshot, node, key }: { volume: string; snapshot: string; node: string; key: string | null },
): Strata {
  if (strata.top === null || strata.next !== null) return strata
  const nodes = { ...strata.nodes, [node]: above(volume, strata.top, key) }
  return { ...strata, nodes, next: { snapshot, node } }
}

/** What was prepared is the top; what was the top is a layer with the snapshot's name. */
export function raised(strata: Strata): Strata {
  const { top, next } = strata
  if (top === null || next === null) return strata
  return { ...strata, top: next.node, next: null, layers: { ...strata.layers, [next.snapshot]: top } }
}

/** What was prepared is given up. Only for a top that nobody has written to. */
export function lowered(strata: Strata): Strata {
  const { next } = strata
  return next === null ? strata : { ...strata, next: null, nodes: without(strata.nodes, next.node) }
}

/** A new top above an older layer; the old top no longer has a name. */
export function wentBack(
  strata: Strata,
  wish: { volume: string; snapshot: string; at: number; node: string; key: string | null },
): Strata {
  const layer = strata.layers[wish.snapshot]
  if (layer === undefined) return strata
  return {
    ...strata,
    top: wish.node,
    nodes: { ...strata.nodes, [wish.node]: above(wish.volume, layer, wish.key) },
    reverted: { snapshot: wish.snapshot, at: wish.at },
  }
}

export const unnamed = (strata: Strata, snapshot: string): Strata => ({
  ...strata,
  layers: without(strata.layers, snapshot),
})

/** Nothing of it is wished any more; what others stand on stays. */
export const deserted = (strata: Strata): Strata => ({ ...strata, top: null, layers: {}, next: null })

/** What of a volume's own files stands on a node. */
export const childrenOf = (strata: Strata, volume: string, node: string): string[] =>
  Object.entries(strata.nodes)
    .filter(([, { on }]) => on?.is === 'node' && on.volume === volume && on.node === node)
    .map(([name]) => name)

const isWanted = ({ top, next, layers }: Strata, node: string) =>
  node === top || node === next?.node || Object.values(layers).includes(node)

/** Without the files that nobody names and nothing stands on. */
export function swept(strata: Strata, volume: string, isStoodOn: StoodOn): Strata {
  const idle = Object.keys(strata.nodes).find(
    (node) => !isWanted(strata, node) && !isStoodOn(node) && childrenOf(strata, volume, node).length === 0,
  )
  if (idle === undefined) return strata
  return swept({ ...strata, nodes: without(strata.nodes, idle) }, volume, isStoodOn)
}

/** The next layer without a name on which exactly one file of the volume stands: its content can move up there. */
export function mergeOf(strata: Strata, volume: string, isStoodOn: StoodOn): Merge | null {
  if (strata.next !== null || strata.isArriving) return null
  for (const gone of Object.keys(strata.nodes)) {
    if (isWanted(strata, gone) || isStoodOn(gone)) continue
    const [into, ...more] = childrenOf(strata, volume, gone)
    if (into !== undefined && more.length === 0) return { gone, into }
  }
  return null
}

/** What lay in `gone` now lies in `into`. */
export function merged(strata: Strata, { gone, into }: Merge): Strata {
  const [lower, upper] = [strata.nodes[gone], strata.nodes[into]]
  if (lower === undefined || upper === undefined) return strata
  return { ...strata, nodes: { ...without(strata.nodes, gone), [into]: { ...upper, on: lower.on } } }
}

/** The nodes of this volume from one downwards, and what the last of them stands on. */
export function pathFrom(
  strata: Strata,
  volume: string,
  from: string,
): { readonly path: readonly string[]; readonly foot: Base | null } {
  const path: string[] = []
  let at: Base | null = { is: 'node', volume, node: from }
  while (at?.is === 'node' && at.volume === volume && path.length <= Object.keys(strata.nodes).length) {
    path.push(at.node)
    at = strata.nodes[at.node]?.on ?? null
  }
  return { path, foot: at }
}
