/** Reading and writing documents through the replica: the small vocabulary of the controller's loops. */

import type { Json } from '#base/json.ts'
import { same } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { nameClaim } from '#model/reference.ts'
import { Problem } from '#model/problem.ts'
import type { Change } from '#drivers/store/port.ts'
import { present } from '#base/assert.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Replica } from '#runtime/replica.ts'

export const put = (document: Document, expect: number): Change => ({
  op: 'put',
  kind: document.kind,
  id: document.id,
  value: document as unknown as Json,
  expect,
})

/** A new document with its name. */
export const created = (document: Document): Change[] => [
  { op: 'claim', claim: nameClaim(document.kind, document.project, document.name), holder: document.id },
  put(document, 0),
]

/** A document and its name, gone. */
export const forgotten = (document: Document, expect: number): Change[] => [
  { op: 'remove', kind: document.kind, id: document.id, expect },
  { op: 'release', claim: nameClaim(document.kind, document.project, document.name), holder: document.id },
]

const attempts = 8

/**
 * Edits a document as it is now, again if somebody else was quicker; nothing to do when the edit changes
 * nothing or the document is gone. Problem `store/conflict` when it never gets its turn.
 */
export async function edited(
  replica: Replica,
  { kind, id }: { readonly kind: string; readonly id: string },
  edit: (document: Document) => Document,
): Promise<void> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const stored = replica.get(kind, id)
    if (stored === undefined) return
    const after = edit(stored.document)
    if (same(after, stored.document)) return
    try {
      await replica.commit([put(after, stored.revision)])
      return
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.code !== 'store/conflict') throw problem
      await replica.reached(stored.revision + 1)
    }
  }
  throw new Problem('store/conflict', { kind, id })
}

/** What Decant itself makes an object of. */
export type Seed = {
  readonly kind: string
  readonly name: string
  readonly spec: object
  readonly project?: string
  readonly host?: string
  readonly description: string
}

/** A new document of a known kind, as nobody has touched it yet. */
export function documentOf(
  seed: Seed,
  { newId, nowMs }: { readonly newId: () => string; readonly nowMs: number },
): Document {
  const kind = present(kindNamed(seed.kind), 'seeds are of known kinds')
  return {
    kind: seed.kind,
    id: newId(),
    name: seed.name,
    project: seed.project ?? null,
    generation: 1,
    version: kind.version,
    createdAtMs: nowMs,
    labels: {},
    description: seed.description,
    isProtected: false,
    deletingAtMs: null,
    owner: null,
    host: seed.host ?? null,
    spec: kind.spec.parse(seed.spec),
    status: kind.status.parse({}),
  }
}
