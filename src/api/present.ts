/** An object as it is sent: what is stored, with sentences beside the codes and live figures merged in. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Stored } from '#model/document.ts'
import { concealed } from '#model/secrecy.ts'
import { kindNamed } from '#kinds/registry.ts'
import { steps, type StepCode } from '#model/catalogue/steps.ts'
import { say, type Facts, type Language } from '#model/sentence.ts'
import type { Desk } from '#program/desk.ts'
import type { Found } from '#engines/bottleneck/find.ts'
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
    ...(live === undefined ? {} : { live: saidLive(live, language) }),
  }
  const spec = concealed(kindNamed(document.kind)?.secrets, document.spec)
  return { ...document, spec, status: said, revision } as unknown as JsonObject
}

/** Live figures, the finding among them with its sentences. */
const saidLive = (live: JsonObject, language: Language) =>
  isObject(live.finding)
    ? { ...live, finding: withFinding(live.finding as unknown as Found, language) }
    : live

/** A finding with its sentences. */
export function withFinding({ also, ...first }: Found, language: Language) {
  const one = ({ resource, strength, reason }: Omit<Found, 'also'>) => ({
    resource,
    strength,
    ...(withMessage(reason, language) as object),
  })
  return { ...one(first), also: also.map(one) }
}

const hasSome = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0

/** A hold or a condition with its sentence. */
export function withMessage(value: unknown, language: Language): unknown {
  if (!isObject(value)) return value
  const facts = isObject(value.facts) ? (value.facts as Facts) : {}
  const message = reasonSentence(value.code, facts, language)
  return message === undefined ? value : { ...value, message }
}

/** A step of a plan with its sentence. What it makes may hold secrets: the body of a machine has those of its wish. */
export function withSentence(planned: JsonObject, language: Language): JsonObject {
  const { spec } = planned
  const step = isObject(spec) ? { ...planned, spec: concealed(kindNamed('guest')?.secrets, spec) } : planned
  const sentence = Object.hasOwn(steps, String(step.code)) ? steps[step.code as StepCode] : undefined
  return sentence === undefined
    ? step
    : { ...step, message: say(sentence, (step.facts ?? {}) as Facts, language) }
}
