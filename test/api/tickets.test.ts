/** Console tickets are few: one who asks for many keeps nobody else out. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tickets } from '#api/tickets.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'

test('who asks for many tickets is refused, others are not; used and old ones count no more (I-46)', () => {
  let now = 0
  const tickets = new Tickets(() => now)
  const issue = (user: string) => {
    const principal = { user, bindings: [], via: 'token', credential: 'c' } as const
    const identity = { principal, isNarrowed: false }
    return tickets.issue({ kind: 'machine', id: 'm', type: 'serial', identity, proven: async () => identity })
  }
  const isTooMany = (error: unknown) => error instanceof Problem && error.code === 'request/too-many'
  const made = Array.from({ length: 256 }, () => issue('eve'))
  assert.throws(() => issue('eve'), isTooMany)
  assert.ok(issue('ann'))
  tickets.redeem(made[0] ?? '')
  issue('eve')
  assert.throws(() => issue('eve'), isTooMany)
  now += limits.ticketMs
  assert.ok(issue('eve'))
})
