/** The door of every store driver: changes checked for size and turned into texts once. */

import { assert } from '#base/assert.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Change } from '../store/port.ts'

/** A change as drivers store it: the value is JSON text. */
export type WrittenChange =
  | Exclude<Change, { readonly op: 'put' }>
  | {
      readonly op: 'put'
      readonly kind: string
      readonly id: string
      readonly text: string
      readonly expect?: number
    }

/** Problems: `store/too-large` for one document or for too many changes at once. */
export function writtenChanges(changes: readonly Change[]): readonly WrittenChange[] {
  if (changes.length > limits.changesPerCommit)
    throw new Problem('store/too-many', { changes: changes.length, limit: limits.changesPerCommit })
  return changes.map(written)
}

function written(change: Change): WrittenChange {
  const keys = 'claim' in change ? [change.claim, change.holder] : [change.kind, change.id]
  // A lone surrogate has no UTF-8 form: two different keys would become one on disk.
  assert(
    keys.every((key) => key.isWellFormed()),
    'keys of the store are well-formed Unicode',
  )
  if (change.op !== 'put') return change
  const { value, ...rest } = change
  const text = JSON.stringify(value)
  const bytes = Buffer.byteLength(text)
  if (bytes > limits.documentBytes)
    throw new Problem('store/too-large', { bytes, limit: limits.documentBytes })
  return { ...rest, text }
}
