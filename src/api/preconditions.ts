/** If-Match and If-None-Match (RFC 9110 §13.1) over the generation of an object. */

import type { Document } from '#model/document.ts'
import { Problem } from '#model/problem.ts'

export type Preconditions = {
  /** The generations allowed; `any`: it only must be there. */
  readonly match?: readonly string[] | 'any'
  /** Only when it is not there. */
  readonly isNew?: boolean
}

export const etagOf = ({ generation }: Document) => `"${generation}"`

export function preconditionsFrom(headers: Readonly<Record<string, unknown>>): Preconditions {
  const [match, none] = [headers['if-match'], headers['if-none-match']]
  if (none !== undefined && none !== '*')
    throw new Problem('request/malformed', { why: 'If-None-Match must be *' })
  return {
    ...(typeof match === 'string' ? { match: tagsFrom(match) } : {}),
    ...(none === '*' ? { isNew: true } : {}),
  }
}

function tagsFrom(header: string): readonly string[] | 'any' {
  if (header.trim() === '*') return 'any'
  const tags = header.split(',').map((tag) => tag.trim())
  if (tags.length > 16 || !tags.every((tag) => /^(W\/)?"[!#-~]*"$/.test(tag)))
    throw new Problem('request/malformed', { why: 'If-Match must be a list of quoted tags' })
  // A weak tag never matches strongly; it stays in the list and fits nothing.
  return tags
}

/** Problem `request/precondition` when the object is not as the caller believes. */
export function checkPreconditions(
  { match, isNew }: Preconditions,
  { kind, name, document }: { kind: string; name: string; document: Document | undefined },
) {
  const isRefused =
    (isNew === true && document !== undefined) ||
    (match !== undefined && document === undefined) ||
    (Array.isArray(match) && document !== undefined && !match.includes(etagOf(document)))
  if (isRefused)
    throw new Problem('request/precondition', { kind, name, generation: document?.generation ?? 0 })
}
