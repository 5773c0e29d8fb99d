/** The language that a caller reads (RFC 9110 §12.5.4), and problems said in it. */

import { faultSentence } from '#engines/admission/fields.ts'
import { reasons, type ReasonCode } from '#model/catalogue/reasons.ts'
import { Problem, problemDocument, type ProblemDocument } from '#model/problem.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'

/** Of English and Korean, the one that the header likes best. */
export function languageFrom(header: string | undefined): Language {
  let best: Language = 'en'
  let weight = 0
  for (const part of (header ?? '').slice(0, 1024).split(',')) {
    const [, tag = '', quality = '1'] =
      /^\s*([A-Za-z]{1,8})(?:-[\w-]*)?\s*(?:;\s*q=([\d.]+))?\s*$/.exec(part) ?? []
    const language = tag.toLowerCase() === 'ko' ? 'ko' : tag.toLowerCase() === 'en' ? 'en' : undefined
    if (language !== undefined && Number(quality) > weight) {
      best = language
      weight = Number(quality)
    }
  }
  return best
}

const isReason = (code: unknown): code is ReasonCode =>
  typeof code === 'string' && Object.hasOwn(reasons, code)

export const reasonSentence = (code: unknown, facts: Facts, language: Language) =>
  isReason(code) ? say(reasons[code], facts, language) : undefined

/** A problem as it is sent. Where its `why` is a sentence of ours, that too is in the language. */
export function spoken(problem: Problem, language: Language): ProblemDocument {
  const { code, facts, field } = problem
  const why =
    reasonSentence(facts.reason, facts, language) ??
    (typeof facts.fault === 'string' ? faultSentence(facts.fault, facts, language) : undefined)
  if (why === undefined) return problemDocument(problem, language)
  return problemDocument(new Problem(code, { ...facts, why }, field === undefined ? {} : { field }), language)
}
