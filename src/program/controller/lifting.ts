/** At the start, lifts what an older Decant stored; refuses to touch what a newer one stored (I-18). */

import type { Document, Stored } from '#model/document.ts'
import { lifted } from '#model/history.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { histories } from '#kinds/histories.ts'
import { kinds } from '#kinds/registry.ts'
import type { Replica } from '#runtime/replica.ts'
import { put } from './documents.ts'

/** Everything is judged before anything is written: a store is lifted, or left as it was. */
export async function liftAll(replica: Replica): Promise<void> {
  const stale = kinds.flatMap(({ name, version }) =>
    [...replica.all(name)].flatMap((stored) => liftOf(stored, version)),
  )
  for (let from = 0; from < stale.length; from += limits.changesPerCommit) {
    const some = stale.slice(from, from + limits.changesPerCommit)
    await replica.commit(some.map(({ document, revision }) => put(document, revision)))
  }
}

function liftOf({ document, revision }: Stored, version: number): Stored<Document>[] {
  const result = lifted(document, version, histories[document.kind] ?? {})
  if (result.is === 'newer') {
    throw new Problem('store/newer', { found: `${document.kind} ${document.version}`, known: version })
  }
  return result.is === 'lifted' ? [{ document: result.document, revision }] : []
}
