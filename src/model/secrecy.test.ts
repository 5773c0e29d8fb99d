/** Secrets within wishes are never shown, and a mark written back keeps them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changedMark, concealed, restored, secretMark, touchesSecret } from './secrecy.ts'

const paths = ['boot.password', 'boot.users.[].password', 'boot.files.[].content']
const spec = {
  cpus: 1,
  boot: {
    password: 'geheim',
    users: [
      { name: 'kim', password: 'one' },
      { name: 'lee', password: null },
    ],
    files: [{ path: '/a', content: 'inner' }],
  },
}
const refuse = (path: string): never => {
  throw new Error(path)
}

test('every secret has a mark, what is none stays, the original is not touched', () => {
  const shown = concealed(paths, spec)
  assert.doesNotMatch(JSON.stringify(shown), /geheim|one|inner/)
  assert.deepEqual(shown.boot.users, [
    { name: 'kim', password: secretMark },
    { name: 'lee', password: null },
  ])
  assert.equal(spec.boot.password, 'geheim')
  assert.deepEqual(concealed(paths, { boot: null }), { boot: null })
  assert.deepEqual(concealed(undefined, spec), spec)
})

test('what was read can be written back, in another order and with a new secret among the old', () => {
  const shown = concealed(paths, spec)
  assert.deepEqual(restored(paths, shown, spec, refuse), spec)
  const edited = {
    ...shown,
    boot: { ...shown.boot, password: 'new', users: [{ name: 'lee', password: 'own' }, shown.boot.users[0]] },
  }
  assert.deepEqual(restored(paths, edited, spec, refuse).boot, {
    ...spec.boot,
    password: 'new',
    users: [
      { name: 'lee', password: 'own' },
      { name: 'kim', password: 'one' },
    ],
  })
})

test('a mark where nothing is kept is refused by its path', () => {
  const wish = { boot: { users: [{ name: 'park', password: secretMark }] } }
  assert.throws(() => restored(paths, wish, spec, refuse), /^Error: boot\.users\.0\.password$/)
  assert.throws(() => restored(paths, { boot: { password: secretMark } }, undefined, refuse))
})

test('a record of a change tells that a secret changed, never to what', () => {
  const after = { ...spec, boot: { ...spec.boot, password: 'other' } }
  const shown = concealed(paths, after, spec)
  assert.deepEqual([shown.boot.password, shown.boot.users[0]?.password], [changedMark, secretMark])
})

test('a field that is a secret, holds one or lies in one is known as such', () => {
  for (const path of ['boot', 'boot.password', 'boot.users', 'boot.users.0.password', 'boot.files.3'])
    assert.ok(touchesSecret(paths, path), path)
  for (const path of ['cpus', 'boot.hostname', 'boots']) assert.ok(!touchesSecret(paths, path), path)
})
