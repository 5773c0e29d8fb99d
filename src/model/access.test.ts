/** Who may do what: each role holds those below it, in its own project only. */

import { equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { holdsRole, roles, wholePool, type Binding, type Principal } from './access.ts'

const principal = (...bindings: Binding[]): Principal => ({
  user: 'u',
  bindings,
  via: 'token',
  credential: 't',
})

test('a role holds itself and those below, never one above', () => {
  for (const [rank, held] of roles.entries())
    for (const [needed, role] of roles.entries())
      equal(
        holdsRole(principal({ project: 'shop', role: held }), role, 'shop'),
        rank >= needed,
        `${held} ${role}`,
      )
})

test('a role in one project is none in another, nor in the pool (I-42)', () => {
  const admin = principal({ project: 'shop', role: 'admin' })
  for (const project of ['shop2', 'sho', '', wholePool, null])
    ok(!holdsRole(admin, 'viewer', project), String(project))
})

test('a role in the whole pool counts in each project, and for what belongs to the pool', () => {
  const operator = principal({ project: wholePool, role: 'operator' })
  for (const project of ['shop', null]) {
    ok(holdsRole(operator, 'operator', project))
    ok(!holdsRole(operator, 'admin', project))
  }
})

test('the highest of several roles counts, in any order; none is none', () => {
  const both: Binding[] = [
    { project: wholePool, role: 'viewer' },
    { project: 'shop', role: 'admin' },
  ]
  for (const bindings of [both, both.toReversed()]) {
    ok(holdsRole(principal(...bindings), 'admin', 'shop'))
    ok(!holdsRole(principal(...bindings), 'operator', 'other'))
  }
  ok(!holdsRole(principal(), 'viewer', 'shop'))
})
