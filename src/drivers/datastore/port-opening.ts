/** What the agent asks of whoever opens datastores on its host, as their documents say. */

import type { Reason } from '#model/plan.ts'
import type { Datastore } from './port.ts'

export type DatastoreOrder = {
  readonly id: string
  readonly name: string
  readonly driver: 'directory' | 'lvm-thin' | 'nfs'
  readonly folder: string
  readonly source: string
}

export interface OpenDatastore {
  readonly datastore: Datastore
  /** Folder in which its content lies; null: in none. */
  readonly folder: string | null
  /** Why it cannot be used now; undefined: it can. Answers within a bounded time, whatever hangs. */
  check(): Promise<Reason | undefined>
  /** Lets go of it, with all that was opened for it; `isOver`: for good. What guests have open stays. */
  close(isOver: boolean): Promise<void>
}

export interface DatastoreDoor {
  /** Opens one, or says why it cannot be used. */
  open(order: DatastoreOrder): Promise<OpenDatastore | Reason>
}
