/** Past stored forms of datastores, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

export const datastoreLifts: Lifts = {
  1: (document: Document) => ({
    ...document,
    spec: { source: '', warnAtPercent: 85, overcommit: null, ...(document.spec as Fields) },
    status: { promisedMib: 0, ...(document.status as Fields) },
  }),
  2: (document: Document) => ({ ...document, spec: { host: null, ...(document.spec as Fields) } }),
}
