/** What the catalogue says of each problem: code → HTTP status, exit code, whether to retry, and the sentences. */

import type { Sentence } from '../../sentence.ts'

export type Entry = {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 406
    | 409
    | 410
    | 412
    | 413
    | 415
    | 422
    | 429
    | 431
    | 500
    | 501
    | 502
    | 503
    | 504
    | 507
  /** Exit code of the command line: 1 fault, 2 usage, 3 refused, 4 absent, 5 conflict, 6 later. */
  readonly exit: 1 | 2 | 3 | 4 | 5 | 6
  readonly retry: 'never' | 'later' | 'after-change'
  readonly title: Sentence
  /** One plain sentence with places for the facts. */
  readonly detail: Sentence
  readonly advice: Sentence
}

export const s = (en: string, ko: string): Sentence => ({ en, ko })
export const mendRequest = s('Correct the request and send it again.', '요청을 고쳐 다시 보내십시오.')
export const tryLater = s('Try again in a moment.', '잠시 후 다시 시도하십시오.')
