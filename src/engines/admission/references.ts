/** Who names whom: an object may name only what is there for it, and goes only when nobody names it. */

import { at, isObject, same } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { referenceFrom, resolve } from '#model/reference.ts'
import { kindOf, type Around } from './around.ts'

export type Named = { readonly field: string; readonly kind: string; readonly text: string }

/** Every reference in a spec, as the kind declares them. */
export function* referencesIn(kind: Kind, spec: unknown): Generator<Named> {
  for (const [path, target] of Object.entries(kind.references)) {
    for (const { field, text } of textsAt(spec, path.split('.'), 'spec')) yield { field, kind: target, text }
  }
}

function* textsAt(
  value: unknown,
  path: readonly string[],
  field: string,
): Generator<{ readonly field: string; readonly text: string }> {
  const [first, ...rest] = path
  if (first === undefined) {
    if (typeof value === 'string') yield { field, text: value }
  } else if (first === '[]') {
    for (const [index, item] of Array.isArray(value) ? value.entries() : [])
      yield* textsAt(item, rest, `${field}.${index}`)
  } else if (isObject(value) && Object.hasOwn(value, first)) {
    yield* textsAt(value[first], rest, `${field}.${first}`)
  }
}

/** What a reference means from a project, if it is there and for it. */
export function resolved(named: Named, project: string | null, around: Around): Document | undefined {
  const scope = kindOf(around, named.kind)?.scope ?? 'pool'
  return resolve(named.text, { kind: named.kind, scope, project, find: around.find })
}

/** Refuses a spec that newly names something absent or leaving. What it named before may stay. */
export function checkReferences(kind: Kind, after: Document, before: Document | undefined, around: Around) {
  const known = new Set(before === undefined ? [] : [...referencesIn(kind, before.spec)].map(mark))
  for (const named of referencesIn(kind, after.spec)) {
    if (known.has(mark(named))) continue
    const target = resolved(named, after.project, around)
    if (target === undefined || target.deletingAtMs !== null) {
      const facts = { field: named.field, kind: named.kind, name: named.text.slice(0, 127) }
      throw new Problem('object/reference', facts, { field: named.field })
    }
  }
}

const mark = ({ kind, text }: Named) => `${kind}\n${text}`

/** Whether something of this kind can be named by others at all, or carries others. */
export const canBeNamed = (kind: Kind, kinds: readonly Kind[]) =>
  holdsOthers.has(kind.name) || kinds.some(({ references }) => Object.values(references).includes(kind.name))

const holdsOthers = new Set(['project', 'host'])

/** Kinds whose objects go together with the one they name, rather than keep it. */
export const goesWith: Readonly<Record<string, string>> = { token: 'user', snapshot: 'machine' }

/** The first object that uses this one, if any. */
export function userOf(target: Document, around: Around): Document | undefined {
  for (const kind of around.kinds) {
    if (goesWith[kind.name] === target.kind) continue
    for (const document of around.all(kind.name)) {
      if (uses(kind, document, { target, around })) return document
    }
  }
  return undefined
}

function uses(
  kind: Kind,
  document: Document,
  { target, around }: { target: Document; around: Around },
): boolean {
  if (document.id === target.id || document.owner === target.id) return false
  if (target.kind === 'host' && document.host === target.name) return true
  if (target.kind === 'project' && isBoundTo(document, target.name)) return true
  for (const named of referencesIn(kind, document.spec)) {
    if (named.kind !== target.kind || isDone(document, named)) continue
    const isLikely = referenceFrom(named.text).name === target.name
    if (isLikely && resolved(named, document.project, around)?.id === target.id) return true
  }
  return false
}

/**
 * A clone needs its source until its disks are made. What a linked one stands on stays after that, hidden, until the last one
 * is gone.
 */
function isDone({ kind, status }: Document, { field }: Named): boolean {
  if (kind === 'volume') return field === 'spec.snapshot' && at(status, 'state') === 'ready'
  if (kind !== 'machine' || !field.startsWith('spec.cloneOf.')) return false
  const isWhole = at(status, 'state') === 'stopped' && same(at(status, 'holds'), [])
  return at(status, 'guest') !== null || isWhole
}

const isBoundTo = ({ spec }: Document, project: string) => {
  const bindings = isObject(spec) && Array.isArray(spec.bindings) ? spec.bindings : []
  return bindings.some((binding) => isObject(binding) && binding.project === project)
}
