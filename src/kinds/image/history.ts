/** Past stored forms of images, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

const wish = {
  catalogue: null,
  url: null,
  path: null,
  volume: null,
  build: null,
  member: null,
  checksumUrl: null,
}

const status = {
  cameAs: '',
  receivedBytes: 0,
  expectedBytes: null,
  medium: 'disk',
  firmware: [],
  defaultUser: '',
}

export const imageLifts: Lifts = {
  1: (document: Document) => ({
    ...document,
    spec: { ...wish, ...(document.spec as Fields) },
    status: { ...status, ...(document.status as Fields) },
  }),
}
