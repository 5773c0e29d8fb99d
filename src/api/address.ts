/** From a name or id in an address to the object, for those who may see it. */

import type { Document, Stored } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { commonProject } from '#model/reference.ts'
import type { Role } from '#model/access.ts'
import type { Room } from './api.ts'
import { oneOf, type Query } from './query.ts'
import type { Caller } from './route.ts'
import { maySee, mayChange, seesProject } from './visibility.ts'

export type Address = { readonly kind: Kind; readonly project: string | null; readonly name: string }

/** The project that a call is about: by the query, else by the body, else the common one. */
export function projectOf(kind: Kind, query: Query, said?: unknown): string | null {
  if (kind.scope === 'pool') return null
  return oneOf(query, 'project') ?? (typeof said === 'string' ? said : commonProject)
}

export const absent = ({ kind, name }: Pick<Address, 'kind' | 'name'>) =>
  new Problem('object/not-found', { kind: kind.name, name: name.slice(0, 127) })

/** The object at an address, if it is there and may be seen. */
export function seen(
  { desk, kinds }: Room,
  caller: Caller,
  { kind, project, name }: Address,
): Stored | undefined {
  const stored = desk.replica.find(kind.name, project, name) ?? desk.replica.get(kind.name, name)
  if (stored === undefined || !maySee(caller.principal, kind, stored.document, kinds)) return undefined
  return stored
}

/** As `seen`, but problem `object/not-found` when there is nothing. */
export function found(room: Room, caller: Caller, address: Address): Stored {
  const stored = seen(room, caller, address)
  if (stored === undefined) throw absent(address)
  return stored
}

/** As `found`, and the caller holds `role` there; problem `auth/forbidden` otherwise. */
export function foundFor(room: Room, caller: Caller, address: Address, role: Role): Stored {
  const stored = found(room, caller, address)
  checkRole(caller, address.kind, stored.document, role)
  return stored
}

export function checkRole(
  { principal, isNarrowed }: Caller,
  kind: Kind,
  place: Pick<Document, 'kind' | 'project' | 'name' | 'spec'>,
  role: Role,
) {
  if (!mayChange(principal, kind, place, { role, isNarrowed })) throw new Problem('auth/forbidden', { role })
}

/** Refuses a project that is not there for the caller exactly as one that is not there at all. */
export function checkProject({ principal }: Caller, kind: Kind, project: string | null) {
  if (kind.scope === 'project' && (project === null || !seesProject(principal, project)))
    throw new Problem('object/not-found', { kind: 'project', name: (project ?? '').slice(0, 127) })
}
