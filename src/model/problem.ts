/**
 * Operating errors: things that go wrong in a correct program. The catalogue beside this file is the
 * only place where one is named; HTTP statuses, exit codes and the reference page are read from it.
 */

import { problems, type ProblemCode } from './catalogue/problems.ts'
import { say, type Facts, type Language } from './sentence.ts'

export type { ProblemCode } from './catalogue/problems.ts'

/** Carries its code and its facts; the cause is a separate link and is never pasted into the text. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly facts: Facts
  /** Dotted path of the field at fault, when one is. */
  readonly field: string | undefined

  constructor(code: ProblemCode, facts: Facts = {}, extra: { field?: string; cause?: unknown } = {}) {
    super(say(problems[code].detail, facts), { cause: extra.cause })
    this.code = code
    this.facts = facts
    this.field = extra.field
  }
}

/** A problem document (RFC 9457) with what Decant adds to it. */
export type ProblemDocument = {
  readonly type: string
  readonly code: ProblemCode
  readonly status: number
  readonly title: string
  readonly detail: string
  /** What a person can do about it. */
  readonly advice: string
  readonly field?: string
  readonly facts: Facts
  readonly retry: 'never' | 'later' | 'after-change'
}

export function problemDocument(problem: Problem, language: Language = 'en'): ProblemDocument {
  const { status, retry, title, detail, advice } = problems[problem.code]
  return {
    type: `/docs/problems#${problem.code.replace('/', '-')}`,
    code: problem.code,
    status,
    title: title[language],
    detail: say(detail, problem.facts, language),
    advice: say(advice, problem.facts, language),
    ...(problem.field === undefined ? {} : { field: problem.field }),
    facts: problem.facts,
    retry,
  }
}

/** Prints an error and what lies beneath it, each text once: `outer: inner: innermost`. */
export function story(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause === undefined) return error.message
  // A sentence that goes on has no full stop yet.
  return `${error.message.replace(/\.$/, '')}: ${story(error.cause)}`
}
