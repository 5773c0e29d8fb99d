/** What the server says when it refuses, as a problem of the caller's catalogue. */

import { isObject } from '#base/json.ts'
import { problems, type ProblemCode } from '#model/catalogue/problems.ts'
import { Problem, problemDocument, type ProblemDocument } from '#model/problem.ts'
import type { Facts, Language } from '#model/sentence.ts'

/** A problem that a server told: it keeps every word of it, also those of a newer Decant. */
export class Refusal extends Problem {
  readonly told: ProblemDocument

  constructor(told: ProblemDocument) {
    const code = Object.hasOwn(problems, told.code) ? told.code : 'answer/strange'
    super(code, { why: told.detail, ...told.facts }, told.field === undefined ? {} : { field: told.field })
    this.told = told
  }
}

/** The document of any problem; that of a refusal is the server's own. */
export const documentOf = (problem: Problem, language: Language): ProblemDocument =>
  problem instanceof Refusal ? problem.told : problemDocument(problem, language)

const text = (value: unknown, fallback: string) => (typeof value === 'string' ? value : fallback)

/** Only flat facts are kept: nothing else fits a sentence. */
const factsFrom = (value: unknown): Facts =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {}).filter(
      (entry): entry is [string, string | number | boolean] =>
        ['string', 'number', 'boolean'].includes(typeof entry[1]),
    ),
  )

const retryOf = (value: unknown): ProblemDocument['retry'] =>
  value === 'later' || value === 'after-change' ? value : 'never'

/** Reads a body as a problem document (RFC 9457); anything else becomes `answer/strange`. */
export function refusalFrom(status: number, body: unknown): Problem {
  if (!isObject(body) || typeof body.code !== 'string')
    return new Problem('answer/strange', { why: `status ${status} without a problem document` })
  return new Refusal({
    type: text(body.type, 'about:blank'),
    code: body.code as ProblemCode,
    status,
    title: text(body.title, `Status ${status}`),
    detail: text(body.detail, ''),
    advice: text(body.advice, ''),
    ...(typeof body.field === 'string' ? { field: body.field } : {}),
    facts: factsFrom(body.facts),
    retry: retryOf(body.retry),
  })
}

const exitByStatus: Readonly<Record<number, 1 | 2 | 3 | 4 | 5 | 6>> = {
  400: 2,
  401: 3,
  403: 3,
  404: 4,
  409: 5,
  412: 5,
  422: 2,
  429: 6,
  503: 6,
  504: 6,
}

/** The exit code of a problem: the catalogue's; for a code of a newer server, by its status. */
export function exitOf(problem: Problem): 1 | 2 | 3 | 4 | 5 | 6 {
  const isNew = problem instanceof Refusal && !Object.hasOwn(problems, problem.told.code)
  return isNew ? (exitByStatus[problem.told.status] ?? 1) : problems[problem.code].exit
}
