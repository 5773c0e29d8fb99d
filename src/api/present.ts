/** An object as it is sent: what is stored, with sentences beside the codes and live figures merged in. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Stored } from '#model/document.ts'
import { steps, type StepCode } from '#model/catalogue/steps.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'
import type { Desk } from '#program/desk.ts'
import { reasonSentence } from './language.ts'

export function presented(desk: Desk, { document, revision }: Stored, language: Language): JsonObject {
  const status = isObject(document.status) ? document.status : {}
  const live = desk.live(document.kind, document.id)
  const said = {
    ...status,
    ...(hasSome(status.holds) ? { holds: status.holds.map((hold) => withMessage(hold, language)) } : {}),
    ...(hasSome(status.conditions)
      ? { conditions: status.conditions.map((condition) => withMessage(condition, language)) }
      : {}),
    ...(live === undefined ? {} : { live }),
  }
  return { ...document, status: said, revision } as unknown as JsonObject
}

const hasSome = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0

/** A hold or a condition with its sentence. */
export function withMessage(value: unknown, language: Language): unknown {
  if (!isObject(value)) return value
  const facts = isObject(value.facts) ? (value.facts as Facts) : {}
  const message = reasonSentence(value.code, facts, language)
  return message === undefined ? value : { ...value, message }
}

/** A step of a plan with its sentence. */
export function withSentence(step: JsonObject, language: Language): JsonObject {
  const sentence = Object.hasOwn(steps, String(step.code)) ? steps[step.code as StepCode] : undefined
  return sentence === undefined
    ? step
    : { ...step, message: say(sentence, (step.facts ?? {}) as Facts, language) }
}
