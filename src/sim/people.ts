/**
 * People who wish things. Their wishes pass the same admission as those over the API and are committed the
 * same way; what was acknowledged to them is remembered, for the invariants.
 */

import type { Json } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import { commonProject, nameClaim } from '#model/reference.ts'
import { present } from '#base/assert.ts'
import type { Admitted, Around } from '#engines/admission/around.ts'
import { admitCreate, admitDelete, admitPatch, admitVerb } from '#engines/admission/admit.ts'
import { nothing } from '#engines/admission/usage.ts'
import type { Change } from '#drivers/store/port.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import type { Desk } from '#program/desk.ts'

/** One wish of somebody, in words of the API. */
export type Wish = {
  readonly op: 'create' | 'patch' | 'delete' | 'verb'
  readonly kind: string
  readonly name: string
  /** The spec of a create, the merge patch, or the input of a verb. */
  readonly body?: object
  readonly verb?: string
}

/** What a person was told: done, with the document as it was then (null: going or gone), or refused. */
export type Told =
  | {
      readonly is: 'done'
      readonly wish: Wish
      readonly before: Document | undefined
      readonly after: Document | null
    }
  | { readonly is: 'refused'; readonly wish: Wish; readonly why: unknown }

const attempts = 20

/** Never resolves when the controller dies on the way: then nobody knows. */
export async function wishFor(desk: Desk, wish: Wish): Promise<Told> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tried(desk, wish)
    } catch (why) {
      const isRace = why instanceof Problem && why.code === 'store/conflict' && attempt < attempts
      if (!isRace) return { is: 'refused', wish, why }
    }
  }
}

async function tried(desk: Desk, wish: Wish): Promise<Told> {
  const { kind, before, after, isChanged } = admitted(desk, wish)
  if (isChanged) await desk.replica.commit(changesOf(desk, { kind, before, after, isChanged }))
  return { is: 'done', wish, before, after: after?.deletingAtMs === null ? after : null }
}

function admitted(desk: Desk, { op, kind: name, name: object, body = {}, verb = '' }: Wish): Admitted {
  const around = aroundOf(desk)
  const kind = present(kindNamed(name), 'people wish for known kinds')
  const project = kind.scope === 'pool' ? null : commonProject
  if (op === 'create') return admitCreate(kind, { spec: body }, { name: object, project }, around)
  const before = around.find(name, project, object)
  if (before === undefined) throw new Problem('object/not-found', { kind: name, name: object })
  if (op === 'delete') return admitDelete(kind, before, around)
  return op === 'patch'
    ? admitPatch(kind, before, body, around)
    : admitVerb(kind, before, { verb, input: body }, around)
}

function aroundOf({ replica, clock, newId }: Desk): Around {
  return {
    kinds,
    find: (kind, project, name) => replica.find(kind, project, name)?.document,
    get: (kind, id) => replica.get(kind, id)?.document,
    *all(kind) {
      for (const { document } of replica.all(kind)) yield document
    },
    usage: () => nothing,
    nowMs: clock.now(),
    newId,
  }
}

function changesOf(desk: Desk, { before, after }: Admitted): Change[] {
  const { kind, id, project, name } = present(after ?? before, 'a change has a subject')
  const expect = before === undefined ? 0 : (desk.replica.get(kind, id)?.revision ?? 0)
  const claim = nameClaim(kind, project, name)
  if (after === null)
    return [
      { op: 'remove', kind, id, expect },
      { op: 'release', claim, holder: id },
    ]
  const put: Change = { op: 'put', kind, id, value: after as unknown as Json, expect }
  return before === undefined ? [put, { op: 'claim', claim, holder: id }] : [put]
}
