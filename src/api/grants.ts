/** Nobody grants more than they hold: not by a user's roles, not by a token's scope. */

import { holdsRole, wholePool, type Binding, type Principal } from '#model/access.ts'
import type { Document } from '#model/document.ts'
import { fieldProblem } from '#engines/admission/fields.ts'
import { bindingsIn } from './identity.ts'
import { checkReach } from './reach.ts'
import type { Desk } from '#program/desk.ts'

const granting = new Set(['user', 'token'])

const holds = (principal: Principal, { project, role }: Binding) =>
  holdsRole(principal, role, project === wholePool ? null : project)

/** Refuses a user or token whose roles its writer does not hold; what stood there before may stay. */
export function checkGrants(desk: Desk, principal: Principal, before: Document | undefined, after: Document) {
  checkReach(principal, before, after)
  if (!granting.has(after.kind)) return
  const had = before === undefined ? [] : (bindingsIn(before) ?? [])
  const given = bindingsIn(after)
  // A token without a scope has all that its user holds.
  const granted =
    given ?? (before !== undefined && bindingsIn(before) === undefined ? [] : whole(desk, after))
  for (const binding of granted) {
    const isOld = had.some(({ project, role }) => project === binding.project && role === binding.role)
    if (!isOld && !holds(principal, binding)) throw fieldProblem('spec.bindings', 'more')
  }
}

function whole(desk: Desk, { kind, spec }: Document): readonly Binding[] {
  const name = kind === 'token' ? (spec as { user?: unknown }).user : undefined
  const user = typeof name === 'string' ? desk.replica.find('user', null, name) : undefined
  return user === undefined ? [] : (bindingsIn(user.document) ?? [])
}
