/** Admission: whether a change that somebody asks for is allowed, and what the object is after it. */

import { at, isObject, same } from '#base/json.ts'
import { Id, type Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { reason } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import { restored } from '#model/secrecy.ts'
import { z } from 'zod'
import { typed, type Admitted, type Around } from './around.ts'
import { overSource } from './cloning.ts'
import { fieldProblem, read } from './fields.ts'
import { checkOurs, withOurs } from './keeping.ts'
import { checkReferences, userOf } from './references.ts'
import { refused } from './refusal.ts'
import { overMoment } from './returning.ts'
import { checkRules } from './rules.ts'
import { checkQuota, minus, nothing, usageOf } from './usage.ts'
import { fixed, patchedWish, specFrom, wishFrom, written, type Wish } from './wish.ts'

export { refused }

/** Numbers of a wish that only rise: a whole document from a file must not take a boot back. */
const onlyRise: Readonly<Record<string, readonly string[]>> = { machine: ['boot'] }

export function admitCreate(
  kind: Kind,
  body: unknown,
  { name, project }: { name?: string | undefined; project: string | null },
  around: Around,
): Admitted {
  checkWritable(kind)
  const wish = wishFrom(kind, filledIn(kind, body, project, around))
  if (name !== undefined && wish.name !== undefined && wish.name !== name) throw fixed('name')
  if (wish.project !== undefined && wish.project !== project) throw fixed('project')
  const given = name ?? wish.name
  if (given === undefined) throw fieldProblem('name', 'required')
  // Names and ids stand in the same places: a name in the form of an id would be taken for another object's.
  if (Id.safeParse(given).success) throw fieldProblem('name', 'id')
  if (kind.scope === 'project') projectOf(project, around)
  const after: Document = {
    kind: kind.name,
    id: around.newId(),
    name: given,
    project,
    generation: 1,
    version: kind.version,
    createdAtMs: around.nowMs,
    labels: wish.labels,
    description: wish.description,
    isProtected: wish.isProtected,
    deletingAtMs: null,
    owner: null,
    host: null,
    spec: completed(kind, undefined, withOurs(kind.name, undefined, wish.spec)),
    status: kind.status.parse({}),
  }
  if (around.find(kind.name, project, given) !== undefined)
    throw new Problem('object/exists', { kind: kind.name, name: given }, { field: 'name' })
  checkReferences(kind, after, undefined, around)
  checkRules(undefined, after, around)
  checkRoom(undefined, after, around)
  return { kind, before: undefined, after, isChanged: true }
}

export function admitReplace(kind: Kind, before: Document, body: unknown, around: Around): Admitted {
  checkWritable(kind)
  const wish = wishFrom(kind, body)
  if (wish.name !== undefined && wish.name !== before.name) throw fixed('name')
  if (wish.project !== undefined && wish.project !== before.project) throw fixed('project')
  const spec = withOurs(kind.name, before.spec, risen(kind, before.spec, wish.spec))
  return edited(kind, before, { ...wish, spec }, around)
}

export const admitPatch = (kind: Kind, before: Document, patch: unknown, around: Around): Admitted => {
  checkWritable(kind)
  const wish = patchedWish(kind, before, patch)
  checkOurs(kind.name, before.spec, wish.spec)
  return edited(kind, before, wish, around)
}

export function admitVerb(
  kind: Kind,
  before: Document,
  { verb: name, input }: { verb: string; input: unknown },
  around: Around,
): Admitted {
  const verb = kind.verbs[name]
  if (verb === undefined) throw new Problem('request/not-found')
  const said = read(verb.input ?? z.strictObject({}), input ?? {})
  checkNotDeleting(before)
  const refusal = verb.refusal?.(typed(before))
  if (refusal !== undefined) throw refused(refusal)
  const { labels, description, isProtected } = before
  const spec = specFrom(kind, overMoment(before, verb.edit(typed(before), said), around))
  return edited(kind, before, { labels, description, isProtected, spec }, around)
}

/** Whether a signal may be sent now, and with what. */
export function admitSignal(kind: Kind, document: Document, name: string, input: unknown) {
  const signal = kind.signals[name]
  if (signal === undefined) throw new Problem('request/not-found')
  const said = read(signal.input ?? z.strictObject({}), input ?? {})
  checkNotDeleting(document)
  const refusal = signal.refusal?.(typed(document))
  if (refusal !== undefined) throw refused(refusal)
  return said
}

export function admitDelete(kind: Kind, before: Document, around: Around): Admitted {
  checkWritable(kind)
  if (before.deletingAtMs !== null) return { kind, before, after: before, isChanged: false }
  if (before.isProtected) throw new Problem('object/protected', { kind: kind.name, name: before.name })
  checkOwner(before, around)
  if (kind.name === 'project') checkEmpty(before, around)
  const user = userOf(before, around)
  if (user !== undefined)
    throw new Problem('object/in-use', {
      kind: kind.name,
      name: before.name,
      userKind: user.kind,
      user: user.name,
      userProject: user.project ?? '',
    })
  const after =
    kind.deletion === 'at-once'
      ? null
      : { ...before, deletingAtMs: around.nowMs, generation: before.generation + 1 }
  return { kind, before, after, isChanged: true }
}

function edited(kind: Kind, before: Document, asked: Wish, around: Around): Admitted {
  checkNotDeleting(before)
  const wish = { ...asked, spec: completed(kind, before.spec, asked.spec) }
  for (const path of kind.fixed) {
    if (!same(at(before.spec, path), at(wish.spec, path))) throw fixed(`spec.${path}`)
  }
  for (const path of kind.growing ?? []) {
    const [was, is] = [at(before.spec, path), at(wish.spec, path)]
    if (typeof was === 'number' && (typeof is !== 'number' || is < was))
      throw fieldProblem(`spec.${path}`, 'falls', { bound: was })
  }
  if (written.every((field) => same(before[field], wish[field])))
    return { kind, before, after: before, isChanged: false }
  const { labels, description, isProtected, spec } = wish
  const generation = before.generation + 1
  const after: Document = { ...before, labels, description, isProtected, spec, generation }
  checkReferences(kind, after, before, around)
  checkRules(before, after, around)
  checkRoom(before, after, around)
  return { kind, before, after, isChanged: true }
}

/** A body as sent, with what it takes over from the machine that it is to be a clone of. */
const filledIn = (kind: Kind, body: unknown, project: string | null, around: Around): unknown =>
  isObject(body) && body.spec !== undefined
    ? { ...body, spec: overSource(body.spec, { kind: kind.name, project, around }) }
    : body

/** The wish with what people need not say. */
function completed(kind: Kind, before: unknown, asked: unknown): unknown {
  const spec = restored(kind.secrets, asked, before, (path) => {
    throw fieldProblem(`spec.${path}`, 'mark')
  })
  type Fields = Record<string, unknown>
  return kind.completed?.(spec as Fields, before as Fields | undefined) ?? spec
}

function risen(kind: Kind, before: unknown, after: unknown): unknown {
  const fields = onlyRise[kind.name] ?? []
  const kept = fields.map((field) => [field, Math.max(Number(at(before, field)), Number(at(after, field)))])
  return { ...(after as object), ...Object.fromEntries(kept) }
}

function checkWritable(kind: Kind) {
  if (kind.access.write === 'system') throw new Problem('object/read-only', { kind: kind.name })
}

function checkNotDeleting({ kind, name, deletingAtMs }: Document) {
  if (deletingAtMs !== null) throw new Problem('object/deleting', { kind, name })
}

function projectOf(name: string | null, around: Around): Document {
  const project = name === null ? undefined : around.find('project', null, name)
  if (project === undefined) throw new Problem('object/not-found', { kind: 'project', name: name ?? '' })
  checkNotDeleting(project)
  return project
}

function checkRoom(before: Document | undefined, after: Document, around: Around) {
  if (after.project === null) return
  const project = around.find('project', null, after.project)
  if (project === undefined) return
  const had = before === undefined ? nothing : usageOf(before, around.find)
  checkQuota(project, around.usage(after.project), minus(usageOf(after, around.find), had))
}

/** What belongs to another object goes with it, not by itself. */
function checkOwner({ owner }: Document, around: Around) {
  if (owner === null) return
  for (const { name } of around.kinds) {
    const found = around.get(name, owner)
    if (found !== undefined && found.deletingAtMs === null)
      throw refused(reason('object/owned', { owner: `${found.kind} ${found.name}` }))
  }
}

function checkEmpty(project: Document, around: Around) {
  let count = 0
  for (const { name, scope } of around.kinds) {
    if (scope === 'pool') continue
    for (const document of around.all(name)) if (document.project === project.name) count++
  }
  if (count > 0) throw refused(reason('project/not-empty', { count }))
}
