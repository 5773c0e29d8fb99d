/**
 * What an agent says that it keeps and the store does not know (I-22), read at the door: a host speaks for what
 * stands on it and for nothing else. It cannot have users, tokens or other hosts' things made (I-43).
 */

import { z } from 'zod'
import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import { Description, Labels, Name, type Document } from '#model/document.ts'
import { lifted } from '#model/history.ts'
import type { Kind } from '#model/kind.ts'
import type { Facts } from '#model/sentence.ts'
import { histories } from '#kinds/histories.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Up } from '#drivers/link/port.ts'
import { carriedKinds } from './sessions.ts'

type Report = Extract<Up, { say: 'report' }>

const carried: ReadonlySet<string> = new Set(carriedKinds)
const moment = z.number().min(0)
const Id = z.string().regex(/^[0-9a-f-]{36}$/)

const formOf = (kind: Kind, { id }: Report, host: string) =>
  z.object({
    kind: z.literal(kind.name),
    id: Id.refine((said) => said === id),
    name: Name,
    project: kind.scope === 'pool' ? z.null() : Name,
    generation: z.int().min(1),
    version: z.literal(kind.version),
    createdAtMs: moment,
    labels: Labels,
    description: Description,
    isProtected: z.boolean(),
    deletingAtMs: moment.nullable(),
    owner: Id.nullable(),
    host: z.literal(host),
    spec: kind.spec,
  })

/** As much of a document as lifting it takes; an agent may have kept what an older Decant told it. */
const Old = z.looseObject({ version: z.int().min(1), spec: z.looseObject({}) })

function raised(kind: Kind, document: unknown): unknown {
  const old = Old.safeParse(document)
  if (!old.success || old.data.version > kind.version) return undefined
  const result = lifted(old.data as unknown as Document, kind.version, histories[kind.name] ?? {})
  return result.is === 'newer' ? undefined : result.document
}

const eventFactsAtMost = 16
const eventFactChars = 400

/**
 * The facts of an event, made small and inert; nothing when it is about what does not stand on this host: a host puts no
 * words into the history of others (I-42).
 */
export function eventFacts(
  host: string,
  { kind, host: own }: Pick<Document, 'kind' | 'host'>,
  { type, facts }: Extract<Up, { say: 'event' }>,
): Facts | undefined {
  const isAnybodys = kind === 'datastore' && own === null
  const isOwn = (own === host || isAnybodys) && carried.has(kind)
  if (!isOwn || !type.startsWith(`${kind}.`) || !/^[a-z.-]{3,64}$/.test(type)) return undefined
  const plain = Object.entries(isObject(facts) ? facts : {}).flatMap(([name, value]) => {
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    if (!isPlain || !/^[A-Za-z]{1,32}$/.test(name)) return []
    return [[name, typeof value === 'string' ? inert(value).slice(0, eventFactChars) : value] as const]
  })
  return Object.fromEntries(plain.slice(0, eventFactsAtMost))
}

/** The document of a report as an adoption may take it; nothing when it is not one of this host's own. */
export function strayFrom(host: string, report: Report): Document | undefined {
  const kind = carried.has(report.kind) ? kindNamed(report.kind) : undefined
  if (kind === undefined) return undefined
  const read = formOf(kind as Kind, report, host).safeParse(raised(kind as Kind, report.document))
  const status = kind.status.safeParse(report.status)
  return read.success && status.success ? { ...read.data, status: status.data } : undefined
}
