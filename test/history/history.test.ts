/** Every past stored form of every kind is read for ever: one fixture a kind and version. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { histories } from '#kinds/histories.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import type { Document } from '#model/document.ts'
import { lifted } from '#model/history.ts'

const fixtures = globSync('test/history/*.json').toSorted()

for (const path of fixtures) {
  const document = JSON.parse(readFileSync(path, 'utf8')) as Document
  test(`${path.split('/').at(-1)} is read by this Decant`, () => {
    const kind = kindNamed(document.kind)!
    const result = lifted(document, kind.version, histories[kind.name] ?? {})
    if (result.is === 'newer') throw new Error('a fixture of a version to come')
    equal(result.document.version, kind.version)
    kind.spec.parse(result.document.spec)
    kind.status.parse(result.document.status)
  })
}

test('there is a fixture for every version that any kind has had', () => {
  const wanted = kinds.flatMap(({ name, version }) =>
    Array.from({ length: version }, (_, at) => `test/history/${name}-${at + 1}.json`),
  )
  deepEqual(fixtures, wanted.toSorted())
})

test('a document of a newer version is refused, one without a lift is a bug', () => {
  const document = { kind: 'machine', version: 3 } as Document
  deepEqual(lifted(document, 2, {}), { is: 'newer' })
  throws(() => lifted({ ...document, version: 1 }, 2, {}), TypeError)
})

test('lifts follow each other, one version at a time', () => {
  const lift = (mark: string) => (document: Document) => ({
    ...document,
    description: `${document.description}${mark}`,
  })
  const result = lifted({ kind: 'machine', version: 1, description: '' } as Document, 3, {
    1: lift('a'),
    2: lift('b'),
  })
  deepEqual(result, { is: 'lifted', document: { kind: 'machine', version: 3, description: 'ab' } })
})
