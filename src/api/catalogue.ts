/** The catalogue of well-known images, for whoever chooses one. */

import { catalogue } from '#kinds/image/catalogue.ts'
import type { Route } from './route.ts'
import { onlyKnown } from './query.ts'

export const catalogueRoute = (): Route => ({
  method: 'GET',
  path: '/api/v1/image-catalogue',
  summary: 'Well-known images: create one with `{"spec": {"catalogue": NAME}}`',
  role: 'signed-in',
  scope: 'none',
  isChange: false,
  action: 'image-catalogue.list',
  answers: '`items`: name, title, default user, and per architecture address, checksum address, firmware',
  handle: async ({ query }) => {
    onlyKnown(query, [])
    return { status: 200, body: { items: catalogue } }
  },
})
