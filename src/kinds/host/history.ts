/** Past stored forms of hosts, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a host of before did not say. */
const unsaid = {
  cpuModels: [],
  hugePagesMib: { '2MiB': 0, '1GiB': 0 },
  numaNodes: 1,
  hostDevices: [],
  shareFolders: [],
  networkDrivers: ['user'],
}

const unsaidLater = { features: [], addresses: [], networkTroubles: [] }

export const hostLifts: Lifts = {
  1: (document: Document) => ({ ...document, status: { ...unsaid, ...(document.status as Fields) } }),
  2: (document: Document) => ({ ...document, status: { ...unsaidLater, ...(document.status as Fields) } }),
}
