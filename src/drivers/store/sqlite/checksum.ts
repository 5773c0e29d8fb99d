/**
 * Checksums of what stands in the store: each row has its own, and their exclusive or, the digest, shows a row
 * that is missing or out of date although it is whole. They find damage, not forgery.
 */

import { crc32 } from 'node:zlib'
import { Problem } from '#model/problem.ts'

export type EntryRow = {
  readonly kind: string
  readonly id: string
  readonly revision: number
  readonly value: string
}

export const entrySum = ({ kind, id, revision, value }: EntryRow) =>
  crc32(value, crc32(`${kind}\0${id}\0${revision}\0`))

export const claimSum = (claim: string, holder: string) => crc32(`${claim}\0${holder}`)

export const historySum = (revision: number, changes: string) => crc32(changes, crc32(`${revision}\0`))

/** The digest with a row's sum put in or taken out: the same move. */
export const toggled = (digest: number, sum: number) => (digest ^ sum) >>> 0

/** Problem `store/corrupt` when a row is not what was written. */
export function mustMatch(found: number, stored: unknown, what: string) {
  if (found !== stored) throw new Problem('store/corrupt', { why: `${what} does not match its checksum` })
}
