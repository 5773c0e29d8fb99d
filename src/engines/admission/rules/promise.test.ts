import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#model/problem.ts'
import { volume as volumeKind } from '#kinds/volume/schema.ts'
import { promise } from './promise.ts'

const spec = (sizeMib: number, datastore = 'fast') => volumeKind.spec.parse({ sizeMib, datastore })
const volume = (id: string, sizeMib: number, datastore?: string) => ({
  id,
  spec: spec(sizeMib, datastore),
  status: volumeKind.status.parse({}),
})

function check(asked: { sizeMib: number; before?: number; overcommit?: number | null }) {
  const around = {
    find: () => ({
      spec: { overcommit: asked.overcommit === undefined ? 2 : asked.overcommit },
      status: { capacityMib: 1000 },
    }),
    all: () => [volume('a', 900), volume('b', 600), volume('c', 5000, 'slow'), volume('self', 100)],
  }
  const before = asked.before === undefined ? undefined : spec(asked.before)
  promise.check({
    document: { id: 'self' },
    spec: spec(asked.sizeMib),
    before,
    around,
  } as never)
}

test('I-26 a datastore promises as much as its bound and not more; what is there may stay', () => {
  check({ sizeMib: 500 })
  const isRefused = (error: unknown) =>
    error instanceof Problem && error.facts['fault'] === 'overcommitted' && error.facts['limit'] === 2000
  assert.throws(() => check({ sizeMib: 501 }), isRefused)
  assert.throws(() => check({ sizeMib: 900, before: 100 }), isRefused)
  check({ sizeMib: 900, before: 900 })
  check({ sizeMib: 100_000, overcommit: null })
})
