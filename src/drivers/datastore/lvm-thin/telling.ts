/**
 * What LVM says and what it is told: names, tags, sizes. Pure. Names and tags hold ids only; LVM's own limits are 127
 * characters for a name, 1024 for a tag (lvm(8)).
 */

export type Pool = { readonly group: string; readonly pool: string }

const namePart = /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,62}$/

export function poolOf(source: string): Pool | undefined {
  const [group = '', pool = '', ...more] = source.split('/')
  const isName = (name: string) => namePart.test(name) && name !== '.' && name !== '..'
  return isName(group) && isName(pool) && more.length === 0 ? { group, pool } : undefined
}

/** One logical volume of ours. */
export type Piece = {
  /** Its own id. */
  readonly id: string
  readonly sizeBytes: number
  readonly storedBytes: number
  /** The image whose content it is; null: it belongs to a volume. */
  readonly image: string | null
  /** Being made or on its way out: it is kept only if a record names it. */
  readonly isPassing: boolean
  /** Its device; null: not active. */
  readonly device: { readonly major: number; readonly minor: number } | null
}

export type PoolSight = {
  readonly sizeBytes: number
  readonly dataPercent: number
  readonly metadataPercent: number
  readonly isZeroing: boolean
  readonly isThinPool: boolean
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
export const isId = (id: string) => id.length === 36 && uuid.test(id)

const prefix = 'decant-'
export const nameOf = (id: string) => `${prefix}${id}`

export const passing = 'decant.passing'
const storeTag = (store: string) => `decant.store=${store}`
const imageTag = 'decant.image='

/** All tags of a new piece. */
export const tagsOf = (store: string, { volume, image }: { volume?: string; image?: string }): string[] => [
  'decant',
  passing,
  storeTag(store),
  ...(volume === undefined ? [] : [`decant.volume=${volume}`]),
  ...(image === undefined ? [] : [`${imageTag}${image}`]),
]

export const pieceFields = 'lv_name,lv_size,data_percent,lv_tags,lv_kernel_major,lv_kernel_minor,pool_lv'
export const poolFields = 'lv_size,data_percent,metadata_percent,zero,segtype'

type Row = Readonly<Record<string, unknown>>

/** The rows of `--reportformat json`; nothing when it is none. */
export function rowsIn(text: string): readonly Row[] {
  const report = (parsed(text) as { report?: unknown } | null)?.report
  if (!Array.isArray(report)) return []
  return report.flatMap((part: unknown) => {
    const rows = (part as { lv?: unknown } | null)?.lv
    return Array.isArray(rows) ? (rows as Row[]) : []
  })
}

const numberIn = (row: Row, field: string) => {
  const said = row[field]
  return typeof said === 'string' && /^-?\d{1,18}(\.\d{1,4})?$/.test(said.trim()) ? Number(said) : 0
}
const wordIn = (row: Row, field: string) => (typeof row[field] === 'string' ? row[field].trim() : '')

/** The pieces of one datastore in one pool; whatever else is in the group is not ours. */
export function piecesIn(text: string, { pool }: Pool, store: string): Piece[] {
  return rowsIn(text).flatMap((row): Piece[] => {
    const name = wordIn(row, 'lv_name')
    const tags = wordIn(row, 'lv_tags').split(',')
    const id = name.slice(prefix.length)
    const isOurs = name.startsWith(prefix) && isId(id) && wordIn(row, 'pool_lv') === pool
    if (!isOurs || !tags.includes('decant') || !tags.includes(storeTag(store))) return []
    const image = tags.find((tag) => tag.startsWith(imageTag))?.slice(imageTag.length) ?? null
    const [major, minor] = [numberIn(row, 'lv_kernel_major'), numberIn(row, 'lv_kernel_minor')]
    const sizeBytes = numberIn(row, 'lv_size')
    return [
      {
        id,
        sizeBytes,
        storedBytes: Math.round((sizeBytes * numberIn(row, 'data_percent')) / 100),
        image: image !== null && isId(image) ? image : null,
        isPassing: tags.includes(passing),
        device: major > 0 && minor >= 0 ? { major, minor } : null,
      },
    ]
  })
}

export function poolIn(text: string): PoolSight | undefined {
  const [row] = rowsIn(text)
  if (row === undefined) return undefined
  return {
    sizeBytes: numberIn(row, 'lv_size'),
    dataPercent: numberIn(row, 'data_percent'),
    metadataPercent: numberIn(row, 'metadata_percent'),
    isZeroing: ['zero', '1'].includes(wordIn(row, 'zero')),
    isThinPool: wordIn(row, 'segtype') === 'thin-pool',
  }
}

/** What to do at start with pieces that were on their way when an earlier life ended. */
export function leftovers(pieces: readonly Piece[], named: ReadonlySet<string>) {
  const waiting = pieces.filter(({ isPassing }) => isPassing)
  return {
    keep: waiting.filter(({ id }) => named.has(id)).map(({ id }) => id),
    remove: waiting.filter(({ id }) => !named.has(id)).map(({ id }) => id),
  }
}

/**
 * Room for a qcow2 file that shows so many bytes: its tables, and some growth while a guest runs. In a thin pool it
 * costs nothing until it is written.
 */
export const roomFor = (shownBytes: number) => shownBytes * 2 + 2 ** 26

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
