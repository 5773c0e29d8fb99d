/** Which host's agent opens a datastore: the one that it names, or the only one of the pool. */

import type { Stored } from '#model/document.ts'
import type { DatastoreDocument } from '#kinds/datastore/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import { edited } from './documents.ts'

/** Gives datastores that nobody opens yet to the host that should. */
export async function assignDatastores(replica: Replica): Promise<void> {
  for (const { document } of [...replica.all('datastore')] as Stored<DatastoreDocument>[]) {
    const host = document.host === null ? hostFor(document, replica) : undefined
    if (host !== undefined) await edited(replica, document, (now) => ({ ...now, host: now.host ?? host }))
  }
}

function hostFor({ spec }: DatastoreDocument, replica: Replica): string | undefined {
  // What names no place in the world is opened by nobody.
  if (spec.folder === '' && spec.source === '') return undefined
  if (spec.host !== null) return replica.find('host', null, spec.host)?.document.name
  const [only, ...more] = [...replica.all('host')]
  return more.length === 0 ? only?.document.name : undefined
}
