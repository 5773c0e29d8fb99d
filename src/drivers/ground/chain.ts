/**
 * A chain of texts by hash: each link is the SHA-256 of the link before it and of its own text, so that an
 * edited, removed, inserted or moved text no longer fits. Who can rewrite the whole chain and its end can forge it;
 * keep a copy of the last hash elsewhere against that.
 */

import { hash } from 'node:crypto'

/** The link before the first. */
export const firstLink = '0'.repeat(64)

export const linkAfter = (previous: string, text: string) => hash('sha256', `${previous}\n${text}`)

export type Link = { readonly sequence: number; readonly hash: string; readonly text: string }

/** Walks on from a place; says where the first link that does not fit stands. */
export function walked(
  from: { readonly sequence: number; readonly hash: string },
  links: Iterable<Link>,
): { readonly sequence: number; readonly hash: string; readonly brokenAt: number | null } {
  let { sequence, hash } = from
  for (const link of links) {
    const isNext = link.sequence === sequence + 1 && link.hash === linkAfter(hash, link.text)
    sequence += 1
    if (!isNext) return { sequence, hash, brokenAt: sequence }
    hash = link.hash
  }
  return { sequence, hash, brokenAt: null }
}
