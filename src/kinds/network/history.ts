/** Past stored forms of networks, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

const wish = {
  mode: 'nat',
  subnet4: null,
  subnet6: null,
  domain: '',
  hasDhcp: true,
  dns: [],
  mtu: 1500,
  interface: '',
  vlan: null,
  isFiltered: true,
}

export const networkLifts: Lifts = {
  1: (document: Document) => ({
    ...document,
    spec: { ...wish, ...(document.spec as Fields) },
    status: { members: 0, ...(document.status as Fields) },
  }),
}
