/** Images: where the content is to come from can be known before anything is made. */

import { entryNamed } from '#kinds/image/catalogue.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

const isFetchable = (url: string) => /^https?:\/\/[^\s/]+/i.test(url)

export const sources: Rule<ImageSpec> = {
  name: 'sources',
  check({ spec, before }) {
    if (before !== undefined) return
    for (const field of ['url', 'checksumUrl'] as const) {
      const url = spec[field]
      if (url !== null && !isFetchable(url))
        throw fieldProblem(`spec.${field}`, 'choice', { choices: 'https://…, http://…' })
    }
    if (spec.catalogue === null) return
    const entry = entryNamed(spec.catalogue)
    if (entry === undefined) throw fieldProblem('spec.catalogue', 'catalogue')
    const isAnywhere = Object.keys(entry.places).length > 0
    if (!isAnywhere && spec.url === null)
      throw fieldProblem('spec.catalogue', 'own-content', { title: entry.title })
  },
}
