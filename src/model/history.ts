/** Lifts documents of past versions, one version at a time, by pure functions that are kept for ever. */

import type { Document } from './document.ts'

/** `lifts[n]` makes a document of version n + 1 from one of version n; versions begin at 1. */
export type Lifts = Readonly<Record<number, (document: Document) => Document>>

export type Lifted =
  | { readonly is: 'current' | 'lifted'; readonly document: Document }
  /** A newer Decant wrote it: nothing may be guessed. */
  | { readonly is: 'newer' }

/** The document in the version that this Decant knows. A missing lift is a bug and shows as one. */
export function lifted(document: Document, version: number, lifts: Lifts): Lifted {
  if (document.version === version) return { is: 'current', document }
  if (document.version > version) return { is: 'newer' }
  let risen = document
  while (risen.version < version) {
    const lift = lifts[risen.version]
    if (lift === undefined) throw new TypeError(`no lift of ${document.kind} from version ${risen.version}`)
    risen = { ...lift(risen), version: risen.version + 1 }
  }
  return { is: 'lifted', document: risen }
}
