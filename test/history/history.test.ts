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

test('a guest of version 1 carries the wish of its machine in the form of today (I-22)', () => {
  const document = JSON.parse(readFileSync('test/history/guest-1.json', 'utf8')) as Document
  const spec = { ...(document.spec as object), machineSpec: { disks: ['data', 'logs'], nics: [{}] } }
  const result = lifted({ ...document, spec }, 2, histories.guest ?? {})
  const wish = kindNamed('machine')!.spec.parse(
    result.is === 'newer' ? {} : (result.document.spec as { machineSpec: object }).machineSpec,
  ) as { disks: { name: string; volume: string }[]; nics: { name: string }[] }
  deepEqual(
    wish.disks.map(({ name, volume }) => `${name} ${volume}`),
    ['disk1 data', 'disk2 logs'],
  )
  deepEqual(
    wish.nics.map(({ name }) => name),
    ['net0'],
  )
})

test("a volume that belonged to a machine is its boot disk, another is nobody's", () => {
  const document = JSON.parse(readFileSync('test/history/volume-1.json', 'utf8')) as Document
  const diskOf = (owner: string | null) => {
    const result = lifted({ ...document, owner }, 2, histories.volume ?? {})
    return result.is === 'newer' ? undefined : (result.document.spec as { disk: unknown }).disk
  }
  deepEqual([diskOf('m'), diskOf(null)], ['disk0', null])
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
