/** What somebody may see and change. What one may not see is as absent as what does not exist (I-42). */

import { at } from '#base/json.ts'
import { holdsRole, type Principal, type Role } from '#model/access.ts'
import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { isShared } from '#model/reference.ts'

/** Where an object lies, for roles; a project lies in itself. */
type Place = Pick<Document, 'kind' | 'project' | 'name' | 'spec'>

/** Own things of a user, seen whatever the roles. */
const isOwn: Readonly<Record<string, (principal: Principal, place: Place) => boolean>> = {
  user: (principal, { name }) => name === principal.user,
  token: (principal, { spec }) => at(spec, 'user') === principal.user,
}

/** Kinds of the pool that objects of projects refer to: whoever may use them may see them. */
const isUsable = (kind: Kind, kinds: readonly Kind[]) =>
  kind.scope === 'pool' &&
  kinds.some(({ scope, references }) => scope === 'project' && Object.values(references).includes(kind.name))

export type Sight = (document: Document) => boolean

/** A test that many documents of one kind can pass quickly. */
export function sightOf(principal: Principal, kind: Kind, kinds: readonly Kind[]): Sight {
  const { read } = kind.access
  if (holdsRole(principal, read, null)) return () => true
  const own = isOwn[kind.name]
  if (kind.scope === 'pool') {
    if (kind.name === 'project') return ({ name }) => holdsRole(principal, read, name)
    if (isUsable(kind, kinds)) return () => principal.bindings.length > 0
    return own === undefined ? () => false : (document) => own(principal, document)
  }
  const projects = new Set(principal.bindings.map(({ project }) => project))
  const readable = new Set([...projects].filter((project) => holdsRole(principal, read, project)))
  return (document) => readable.has(document.project ?? '') || (readable.size > 0 && isShared(document))
}

export const maySee = (principal: Principal, kind: Kind, document: Document, kinds: readonly Kind[]) =>
  sightOf(principal, kind, kinds)(document)

/** Whether somebody may change an object of a kind: with the kind's role, or a role of the verb's own. */
export function mayChange(
  principal: Principal,
  kind: Kind,
  place: Place,
  { role, isNarrowed }: { role: Role; isNarrowed: boolean },
): boolean {
  if (holdsRole(principal, role, kind.scope === 'project' ? place.project : null)) return true
  // People look after their own tokens, but not by a token that holds less than they do.
  return kind.name === 'token' && !isNarrowed && isOwn.token?.(principal, place) === true
}

/** Whether a project is there for somebody at all. */
export const seesProject = (principal: Principal, project: string) => holdsRole(principal, 'viewer', project)
