/** Each kind of change as an order: who may give it, on what conditions, and what admission says to it. */

import { isObject } from '#base/json.ts'
import type { Role } from '#model/access.ts'
import type { Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { admitCreate, admitDelete, admitPatch, admitReplace, admitVerb } from '#engines/admission/admit.ts'
import type { Admitted, Around } from '#engines/admission/around.ts'
import { absent, checkProject, checkRole, found, seen, type Address } from './address.ts'
import type { Room } from './api.ts'
import type { Order } from './change.ts'
import { checkGrants } from './grants.ts'
import { checkPreconditions, type Preconditions } from './preconditions.ts'
import type { Repeat } from './repeats.ts'
import type { Caller } from './route.ts'
import { maySee } from './visibility.ts'

export const operations = ['create', 'replace', 'patch', 'delete', 'verb'] as const
export type Operation = (typeof operations)[number]

/** A change as asked for. `name` is absent when a create says it in its body. */
export type Wanted = {
  readonly op: Operation
  readonly kind: Kind
  readonly project: string | null
  readonly name: string | undefined
  readonly body: unknown
  readonly verb?: string
  readonly preconditions: Preconditions
  readonly repeat: Repeat | undefined
}

export function orderFor(room: Room, caller: Caller, wanted: Wanted): Order {
  const { op, kind, project, name, verb, repeat } = wanted
  // One named by its id may lie elsewhere than the call says; its own project's quota is at stake (I-26).
  const there = name === undefined ? undefined : seen(room, caller, { kind, project, name })
  return {
    action: `${kind.name}.${op === 'verb' ? verb : op}`,
    kind,
    project: there === undefined ? project : there.document.project,
    isDelete: op === 'delete',
    repeat,
    decide: (around) => {
      const admitted = decided(room, caller, { wanted, around })
      const { before, after } = admitted
      if (after !== null && admitted.isChanged) checkGrants(room.desk, caller.principal, before, after)
      return veiled(room, caller, admitted)
    },
  }
}

type Deciding = { readonly wanted: Wanted; readonly around: Around }

function decided(room: Room, caller: Caller, { wanted, around }: Deciding): Admitted {
  const { op, kind, body, verb = '' } = wanted
  if (op === 'create') return created(room, caller, { wanted, around })
  if (op === 'replace') return replaced(room, caller, { wanted, around })
  const { document } = standing(room, caller, wanted)
  if (op === 'patch') return admitPatch(kind, document, body, around)
  if (op === 'delete') return named(room, caller, () => admitDelete(kind, document, around))
  return admitVerb(kind, document, { verb, input: body }, around)
}

/** The least role for a change. */
export function roleFor({ op, kind, verb = '' }: Pick<Wanted, 'op' | 'kind' | 'verb'>): Role {
  const own = op === 'verb' && Object.hasOwn(kind.verbs, verb) ? kind.verbs[verb] : undefined
  if (op === 'verb' && own === undefined) throw new Problem('request/not-found')
  const role = own?.role ?? kind.access.write
  if (role === 'system') throw new Problem('object/read-only', { kind: kind.name })
  return role
}

function standing(room: Room, caller: Caller, wanted: Wanted): Stored {
  const { kind, project, preconditions } = wanted
  const address: Address = { kind, project, name: wanted.name ?? '' }
  const stored = found(room, caller, address)
  checkRole(caller, kind, stored.document, roleFor(wanted))
  checkPreconditions(preconditions, { kind: kind.name, name: address.name, document: stored.document })
  return stored
}

function replaced(room: Room, caller: Caller, { wanted, around }: Deciding): Admitted {
  const { kind, project, name = '', body } = wanted
  if (seen(room, caller, { kind, project, name }) === undefined)
    return created(room, caller, { wanted, around })
  return admitReplace(kind, standing(room, caller, wanted).document, body, around)
}

function created(room: Room, caller: Caller, { wanted, around }: Deciding): Admitted {
  const { kind, project, name, body, preconditions } = wanted
  const role = roleFor(wanted)
  checkProject(caller, kind, project)
  const said = name ?? (isObject(body) && typeof body.name === 'string' ? body.name : '')
  checkRole(caller, kind, { kind: kind.name, project, name: said, spec: defaults(kind, body) }, role)
  const before = seen(room, caller, { kind, project, name: said })
  checkPreconditions(preconditions, { kind: kind.name, name: said, document: before?.document })
  return admitCreate(kind, body, { name, project }, around)
}

/** The spec as far as roles look at it; admission reads it properly. */
const defaults = (kind: Kind, body: unknown) => {
  const read = kind.spec.safeParse(isObject(body) ? (body.spec ?? {}) : {})
  return read.success ? read.data : {}
}

/** Runs a decision whose refusal may name another object, and hides what the caller may not see. */
function named(room: Room, caller: Caller, decide: () => Admitted): Admitted {
  try {
    return decide()
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'object/in-use') throw error
    const { userKind, user, userProject, ...facts } = error.facts
    const kind = room.kinds.find(({ name }) => name === userKind)
    const project = userProject === '' ? null : String(userProject)
    const stored = room.desk.replica.find(String(userKind), project, String(user))
    const isSeen =
      kind !== undefined &&
      stored !== undefined &&
      maySee(caller.principal, kind, stored.document, room.kinds)
    throw new Problem(
      'object/in-use',
      isSeen
        ? { ...facts, userKind: kind.name, user: String(user) }
        : { ...facts, userKind: 'object', user: '?' },
    )
  }
}

/** A name that is taken by something unseen cannot happen: names are unique within what one may see. */
function veiled(room: Room, caller: Caller, admitted: Admitted): Admitted {
  const { before, kind } = admitted
  if (before !== undefined && !maySee(caller.principal, kind, before, room.kinds))
    throw absent({ kind, name: before.name })
  return admitted
}
