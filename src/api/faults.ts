/** Whatever goes wrong becomes a problem document (RFC 9457); what we did not foresee becomes `bug` with an id. */

import { story } from '#model/problem.ts'
import { Problem } from '#model/problem.ts'
import { inert } from '#base/text.ts'
import { limits } from '#model/limits.ts'

type Foreign = { readonly code?: unknown; readonly statusCode?: unknown }

const known: Readonly<Record<string, () => Problem>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new Problem('request/too-large', { limit: limits.bodyBytes }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new Problem('request/media-type', { type: '' }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => malformed('the Content-Length does not fit the body'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => malformed('the body is empty'),
  FST_ERR_BAD_URL: () => malformed('the address has bad percent-encoding'),
  FST_ERR_MAX_PARAM_LENGTH: () => new Problem('request/not-found'),
}

const malformed = (why: string) => new Problem('request/malformed', { why })

/** `bug` leaves a line in the log under the id that the caller gets. */
export function problemFrom(
  error: unknown,
  { newId, log }: { newId: () => string; log: (line: string) => void },
): Problem {
  if (error instanceof Problem) return error
  const { code, statusCode } = (error ?? {}) as Foreign
  const make = typeof code === 'string' && Object.hasOwn(known, code) ? known[code] : undefined
  if (make !== undefined) return make()
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500)
    return malformed('the server cannot read it')
  const id = newId()
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  log(inert(`bug ${id}: ${story(error)} ${stack.split('\n').slice(1, 6).join(' | ')}`))
  return new Problem('bug', { id })
}
