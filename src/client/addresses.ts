/** Every address of the API, in one place. */

import type { Kind } from '#model/kind.ts'

export const base = '/api/v1'

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** A path with its query; what is undefined is left out. */
export function withQuery(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.append(name, String(value))
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`
}

export const collection = (kind: Kind) => `${base}/${kind.plural}`
/** `name`: or an id. */
export const object = (kind: Kind, name: string) => `${collection(kind)}/${encodeURIComponent(name)}`
/** A verb, a signal, a look, `consoles` or `content` of an object. */
export const part = (kind: Kind, name: string, part: string) => `${object(kind, name)}/${part}`
