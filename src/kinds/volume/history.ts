/** Past stored forms of volumes, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

const wish = {
  snapshot: null,
  snapshotVolume: null,
  clone: 'linked',
  allocation: 'thin',
  isEncrypted: false,
  revert: null,
}

export const volumeLifts: Lifts = {
  // Until version 1 a volume that belonged to a machine was its boot disk.
  1: (document: Document) => {
    const spec = document.spec as Fields
    return {
      ...document,
      spec: { ...wish, ...spec, disk: document.owner === null ? null : 'disk0' },
      status: {
        layers: 0,
        datastore: spec.datastore ?? 'local',
        revertedAt: 0,
        progress: null,
        ...(document.status as Fields),
      },
    }
  },
}
