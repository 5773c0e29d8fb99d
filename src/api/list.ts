/**
 * Pages of objects. One pass over the replica: see, select, and keep the best few in order, so that a sorted page
 * of many thousand costs a few milliseconds and copies nothing. The cursor is the place after the last one given
 * (its sort keys and id), so pages stay right while objects come and go.
 */

import { z } from 'zod'
import { at } from '#base/json.ts'
import { compare } from '#base/order.ts'
import { fieldProblem, read } from '#engines/admission/fields.ts'
import type { Document, Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { touchesSecret } from '#model/secrecy.ts'
import { limits } from '#model/limits.ts'
import { oneOf, wholeNumber, type Query } from './query.ts'
import { selectorFrom } from './selector.ts'

export type Listing = {
  readonly limit: number
  readonly order: Ordering
  readonly after: Place | undefined
  readonly fits: (document: Document) => boolean
}

type Key = string | number | boolean | null
/** Where an object stands in an order. */
type Place = { readonly keys: readonly Key[]; readonly id: string }
type Accessor = (document: Document) => Key
type Ordering = {
  readonly text: string
  readonly fields: readonly { readonly of: Accessor; readonly sign: 1 | -1 }[]
}
type Ranked = Place & { readonly stored: Stored }

const own = ['limit', 'cursor', 'labels', 'search', 'sort', 'project'] as const
const metadata =
  /^(name|id|project|host|owner|description|generation|createdAtMs|deletingAtMs|isProtected)$|^(spec|status)\.[\w.-]{1,120}$/

/** `secrets`: fields that must not be asked after, not even by comparing (I-45). */
export function listingFrom(query: Query, secrets: Kind['secrets'] = []): Listing {
  const order = orderFrom(oneOf(query, 'sort') ?? 'name,project', secrets)
  const filters = [...query].flatMap(([name, values]) => filterFrom(name, values, secrets) ?? [])
  const labels = selectorFrom(oneOf(query, 'labels'))
  const searched = searchFrom(oneOf(query, 'search'))
  return {
    limit: wholeNumber(query, 'limit', { least: 1, most: limits.pageItems }) ?? 100,
    order,
    after: placeFrom(oneOf(query, 'cursor'), order),
    fits: (document) =>
      filters.every((filter) => filter(document)) && labels(document.labels) && searched(document),
  }
}

export type Page = {
  readonly items: readonly Stored[]
  readonly total: number
  readonly next: string | null
}

/** The page of those seen that fit. `total` counts all pages. */
export function pageOf(all: Iterable<Stored>, sees: (document: Document) => boolean, listing: Listing): Page {
  const { limit, order, after, fits } = listing
  const best: Ranked[] = []
  let total = 0
  for (const stored of all) {
    const { document } = stored
    if (!sees(document) || !fits(document)) continue
    total++
    if (isElsewhere(best, document, { order, after, most: limit + 1 })) continue
    const ranked = { keys: order.fields.map(({ of }) => of(document)), id: document.id, stored }
    keep(best, ranked, { order, most: limit + 1 })
  }
  const items = best.slice(0, limit)
  const last = items.at(-1)
  const next = best.length > limit && last !== undefined ? cursorOf(order, last) : null
  return { items: items.map(({ stored }) => stored), total, next }
}

type Bounds = { readonly order: Ordering; readonly after: Place | undefined; readonly most: number }

/** Whether it stands before the page or behind all that are on it so far: so it is for nearly all. */
function isElsewhere(best: readonly Ranked[], document: Document, { order, after, most }: Bounds): boolean {
  if (after !== undefined && wayTo(order, document, after) <= 0) return true
  const worst = best.length === most ? best.at(-1) : undefined
  return worst !== undefined && wayTo(order, document, worst) > 0
}

/** Which way a document stands of a place: its fields are read one by one, and only as far as needed. */
function wayTo({ fields }: Ordering, document: Document, { keys, id }: Place): number {
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index]
    const way = field === undefined ? 0 : compare(field.of(document), keys[index] ?? null) * field.sign
    if (way !== 0) return way
  }
  return compare(document.id, id)
}

/** Puts one in its place among the best, if it has one. */
function keep(best: Ranked[], ranked: Ranked, { order, most }: { order: Ordering; most: number }) {
  let [low, high] = [0, best.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const there = best[middle]
    if (there !== undefined && compared(order, there, ranked) < 0) low = middle + 1
    else high = middle
  }
  best.splice(low, 0, ranked)
  if (best.length > most) best.pop()
}

function compared({ fields }: Ordering, a: Place, b: Place): number {
  for (const [index, { sign }] of fields.entries()) {
    const way = compare(a.keys[index] ?? null, b.keys[index] ?? null)
    if (way !== 0) return way * sign
  }
  return compare(a.id, b.id)
}

function orderFrom(text: string, secrets: Kind['secrets']): Ordering {
  const names = text.split(',')
  if (names.length > 8) throw fieldProblem('sort', 'query')
  const fields = names.map((name) => {
    const isDown = name.startsWith('-')
    return {
      of: accessor(isDown ? name.slice(1) : name, 'sort', secrets),
      sign: isDown ? (-1 as const) : (1 as const),
    }
  })
  return { text, fields }
}

/**
 * Reads one field of a document; the path is taken apart once. To ask of each object whether the field is its own
 * costs more than all else of a page, so only names that every object seems to have are read with that care.
 */
function accessor(path: string, parameter: string, secrets: Kind['secrets']): Accessor {
  const isSecret = path.startsWith('spec.') && touchesSecret(secrets, path.slice('spec.'.length))
  if (isSecret || !metadata.test(path)) throw fieldProblem(parameter, 'query')
  const [root = '', ...names] = path.split('.')
  if (names.some((name) => name in Object.prototype)) return (document) => keyFrom(at(document, path))
  const begin = beginOf(root)
  return (document) => {
    let here = begin(document)
    for (let index = 0; index < names.length; index++) {
      if (typeof here !== 'object' || here === null) return null
      here = (here as Readonly<Record<string, unknown>>)[names[index] ?? '']
    }
    return keyFrom(here)
  }
}

/** Where a path begins. What pages mostly ask for is read by its written name, which is several times as quick. */
function beginOf(root: string): (document: Document) => unknown {
  if (root === 'spec') return ({ spec }) => spec
  if (root === 'status') return ({ status }) => status
  if (root === 'name') return ({ name }) => name
  return (document) => document[root as keyof Document]
}

const keyFrom = (value: unknown): Key =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null

function filterFrom(parameter: string, values: readonly string[], secrets: Kind['secrets']) {
  if (own.some((name) => name === parameter)) return undefined
  const isNot = parameter.endsWith('!')
  const of = accessor(isNot ? parameter.slice(0, -1) : parameter, parameter.slice(0, 64), secrets)
  const wanted = new Set(values)
  return (document: Document) => wanted.has(String(of(document) ?? '')) !== isNot
}

function searchFrom(text: string | undefined) {
  if (text === undefined || text === '') return () => true
  if (text.length > 200) throw fieldProblem('search', 'longest', { bound: 200 })
  const wanted = text.toLowerCase()
  return ({ name, id, description, labels }: Document) =>
    name.includes(wanted) ||
    id === wanted ||
    description.toLowerCase().includes(wanted) ||
    Object.entries(labels).some((label) => label.join('=').toLowerCase().includes(wanted))
}

const Cursor = z.strictObject({
  sort: z.string(),
  keys: z.array(z.union([z.string(), z.number(), z.boolean(), z.null()])).max(8),
  id: z.string().max(64),
})

const cursorOf = ({ text }: Ordering, { keys, id }: Place) =>
  Buffer.from(JSON.stringify({ sort: text, keys, id })).toString('base64url')

function placeFrom(cursor: string | undefined, { text, fields }: Ordering): Place | undefined {
  if (cursor === undefined) return undefined
  const place = read(Cursor, parsed(cursor), 'cursor')
  if (place.sort !== text || place.keys.length !== fields.length) throw fieldProblem('cursor', 'query')
  return place
}

function parsed(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    throw fieldProblem('cursor', 'form')
  }
}
