/** The catalogue: every entry can be asked for, and what a person says goes first. */

import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { catalogue, originOf, placeOf } from './catalogue.ts'
import { image, sourceOf } from './schema.ts'

const spec = (fields: object) => image.spec.parse(fields)

test('names are plain and stand for one entry each; addresses are https; checksums are given wherever there are any', () => {
  equal(new Set(catalogue.map(({ name }) => name)).size, catalogue.length)
  for (const { name, places, defaultUser, note } of catalogue) {
    match(name, /^[a-z0-9.-]{1,40}$/)
    ok(
      note !== '' || (defaultUser !== '' && places.x86_64 !== undefined && places.aarch64 !== undefined),
      name,
    )
    for (const place of Object.values(places)) {
      equal(new URL(place.url).protocol, 'https:')
      ok(place.checksumUrl !== null || name === 'virtio-win')
      if (place.checksumUrl !== null) equal(new URL(place.checksumUrl).protocol, 'https:')
      ok(place.url.length < 300)
    }
  }
})

test('the host says the architecture unless a person does', () => {
  match(originOf(spec({ catalogue: 'debian-13' }), 'x86_64')?.url ?? '', /amd64/)
  match(originOf(spec({ catalogue: 'debian-13' }), 'aarch64')?.url ?? '', /arm64/)
  match(originOf(spec({ catalogue: 'debian-13', architecture: 'aarch64' }), 'x86_64')?.url ?? '', /arm64/)
  equal(originOf(spec({ catalogue: 'windows' }), 'x86_64'), undefined)
  equal(placeOf(spec({ catalogue: 'no-such' }), 'x86_64'), undefined)
})

test('an address or checksum of a person goes before the catalogue', () => {
  const url = 'https://mirror.example/debian.qcow2'
  deepEqual(originOf(spec({ catalogue: 'debian-13', url }), 'x86_64'), {
    url,
    checksumUrl: null,
    sha256: undefined,
    sha512: undefined,
  })
  const sha256 = 'a'.repeat(64)
  equal(originOf(spec({ catalogue: 'debian-13', sha256 }), 'x86_64')?.checksumUrl, null)
})

test('a wish that names where its content comes from need not say so twice', () => {
  equal(sourceOf(spec({})), 'upload')
  equal(sourceOf(spec({ catalogue: 'debian-12' })), 'url')
  equal(sourceOf(spec({ url: 'https://x.example/a' })), 'url')
  equal(sourceOf(spec({ path: '/srv/a' })), 'path')
  equal(sourceOf(spec({ volume: 'v' })), 'volume')
  equal(sourceOf(spec({ build: {} })), 'build')
  equal(sourceOf(spec({ source: 'starter' })), 'starter')
})
