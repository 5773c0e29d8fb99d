/** References: what a name means, seen from a project, and that walls hold (I-42). */

import { equal, notEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Document } from './document.ts'
import { commonProject, nameClaim, resolve } from './reference.ts'

const image = (project: string | null, name: string, isShared = false): Document => ({
  kind: 'image',
  id: `${project}/${name}`,
  name,
  project,
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
  spec: { isShared },
  status: {},
})
const there = [
  image('shop', 'debian'),
  image('shop', 'golden', true),
  image('bank', 'secret'),
  image('bank', 'public', true),
  image(commonProject, 'starter', true),
  image(commonProject, 'private'),
  image(commonProject, 'debian', true),
  image(null, 'local'),
]
const find = (_: string, project: string | null, name: string) =>
  there.find((one) => one.project === project && one.name === name)
const meant = (text: string, project: string | null = 'shop', scope: 'project' | 'pool' = 'project') =>
  resolve(text, { kind: 'image', scope, project, find })?.id

test("a plain name is one's own first, then what the common project shares", () => {
  equal(meant('debian'), 'shop/debian')
  equal(meant('starter'), 'default/starter')
  equal(meant('debian', 'bank'), 'default/debian')
})

test("another project's thing is there only if it is shared, and named with its project", () => {
  equal(meant('bank/public'), 'bank/public')
  for (const text of ['bank/secret', 'public', 'default/private', 'private', 'bank/starter', 'bank/none'])
    equal(meant(text), undefined, text)
})

test("one's own things answer to their full name, shared or not", () => {
  equal(meant('shop/debian'), 'shop/debian')
  equal(meant('shop/golden'), 'shop/golden')
  equal(meant('private', commonProject), 'default/private')
})

test('no text reaches around the wall', () => {
  for (const text of [
    '',
    '/',
    '/secret',
    'bank/',
    '/bank/secret',
    'bank/secret/',
    '../bank/secret',
    'shop/../bank/secret',
  ])
    equal(meant(text), undefined, text)
})

test("a pool's things are named plainly; without a project only shared ones are seen", () => {
  equal(meant('local', 'shop', 'pool'), 'null/local')
  equal(meant('shop/local', 'shop', 'pool'), undefined)
  equal(meant('debian', null), 'default/debian')
  equal(meant('private', null), undefined)
})

test('a name is claimed once for its kind and project, and no two share a claim (I-27)', () => {
  const claims = [
    nameClaim('image', 'shop', 'a'),
    nameClaim('image', null, 'a'),
    nameClaim('image', 'bank', 'a'),
    nameClaim('volume', 'shop', 'a'),
  ]
  equal(new Set(claims).size, claims.length)
  notEqual(nameClaim('image', 'a', 'b'), nameClaim('image', 'b', 'a'))
})
