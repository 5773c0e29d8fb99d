/** When a token was last used and a user last signed in; a hint for people, written seldom and lost without harm. */

import type { JsonObject } from '#base/json.ts'
import { at } from '#base/json.ts'
import type { Desk } from '#program/desk.ts'

const seldomMs = 10 * 60_000

type Trace = { readonly kind: string; readonly id: string; readonly field: 'lastUsedMs' | 'lastSignInMs' }

export function leaveTrace({ replica, clock }: Desk, { kind, id, field }: Trace) {
  const stored = replica.get(kind, id)
  if (stored === undefined) return
  const { document, revision } = stored
  const before = at(document.status, field)
  const now = clock.now()
  if (typeof before === 'number' && Math.abs(now - before) < seldomMs) return
  const value = { ...document, status: { ...(document.status as JsonObject), [field]: now } }
  const put = { op: 'put', kind, id, value: value as unknown as JsonObject, expect: revision } as const
  // Whoever changes it at the same moment is right; a full disk must not keep anybody out.
  void replica.commit([put]).catch(() => {})
}
