/** The forms in which the API answers, read at the door. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Hold } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import { refusalFrom } from './refusal.ts'

/** A hold with its sentence in the language of the call. */
export type SaidHold = Hold & { readonly message?: string }

/** An object as the API gives it. */
export type Thing = Document<JsonObject, JsonObject> & { readonly revision?: number }

/** What a change would lead to, worked out by the planners that would carry it out. */
export type Rehearsal = {
  /** Whether the object would be made by it. */
  readonly isNew: boolean
  readonly changes: readonly unknown[]
  readonly steps: readonly JsonObject[]
  readonly holds: readonly SaidHold[]
  readonly predicted: Thing | null
}

export type Page<Item> = { readonly items: readonly Item[]; readonly next: string | undefined }

/** What one item of a bulk call came to. */
export type Result = { readonly status: number; readonly object?: Thing; readonly problem?: Problem }

const strange = (why: string) => new Problem('answer/strange', { why })

export function thingFrom(value: unknown): Thing {
  const isThing =
    isObject(value) &&
    typeof value.kind === 'string' &&
    typeof value.name === 'string' &&
    isObject(value.spec)
  if (!isThing) throw strange('an object is not of a form that this client knows')
  return value as unknown as Thing
}

export function pageFrom<Item>(value: unknown, item: (value: unknown) => Item): Page<Item> {
  if (!isObject(value) || !Array.isArray(value.items)) throw strange('a page has no items')
  const { items, next } = value
  return { items: items.map(item), next: next === null || next === undefined ? undefined : String(next) }
}

export const objectFrom = (value: unknown): JsonObject => {
  if (!isObject(value)) throw strange('the body is no object')
  return value as JsonObject
}

export function rehearsalFrom(value: unknown): Rehearsal {
  const { before, changes, steps, holds, predicted } = objectFrom(value)
  return {
    isNew: before === null,
    changes: Array.isArray(changes) ? changes : [],
    steps: Array.isArray(steps) ? steps.map(objectFrom) : [],
    holds: holdsFrom(holds),
    predicted: isObject(predicted) ? thingFrom(predicted) : null,
  }
}

export const holdsFrom = (value: unknown): SaidHold[] =>
  Array.isArray(value)
    ? value.filter((hold): hold is SaidHold => isObject(hold) && typeof hold.code === 'string')
    : []

export function resultsFrom(value: unknown): Result[] {
  const { results } = objectFrom(value)
  if (!Array.isArray(results)) throw strange('a bulk answer has no results')
  return results.map((result) => {
    const { status, object, problem } = objectFrom(result)
    const code = typeof status === 'number' ? status : 500
    return {
      status: code,
      ...(isObject(object) ? { object: thingFrom(object) } : {}),
      ...(isObject(problem) ? { problem: refusalFrom(code, problem) } : {}),
    }
  })
}
