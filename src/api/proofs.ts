/** From the headers of a request to who calls. */

import { Problem } from '#model/problem.ts'
import type { Room } from './api.ts'
import { identify, type Identity } from './identity.ts'
import type { Route } from './route.ts'

type Headers = Readonly<Record<string, unknown>>

export const nobody: Identity = {
  principal: { user: '', bindings: [], via: 'token', credential: '' },
  isNarrowed: false,
}

const text = (value: unknown) => (typeof value === 'string' ? value : undefined)

/** Who the headers prove; undefined when they say nothing. `isChange`: a cookie needs its counterpart. */
export function identityOfHeaders(room: Room, headers: Headers, isChange = false) {
  const { authorization, cookie } = headers
  const proofs = {
    authorization: text(authorization),
    cookie: text(cookie),
    csrf: text(headers['x-decant-csrf']),
  }
  const { isSecure, options } = room
  return identify(room.desk, proofs, { localTokenHash: options.localTokenHash, isSecure, isChange })
}

export async function identityOf(room: Room, route: Route, headers: Headers): Promise<Identity> {
  if (route.role === 'anyone') return nobody
  const identity = await identityOfHeaders(room, headers, route.isChange)
  if (identity === undefined) throw new Problem('auth/missing')
  return identity
}
