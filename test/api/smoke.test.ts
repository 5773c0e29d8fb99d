/** The API from end to end in a few calls: list, get, create, change, delete. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { bench, call, type Bench } from './desk.ts'

let on: Bench
before(async () => {
  on = await bench()
})
after(() => on.close())

test('a machine is created, read, changed and deleted', async () => {
  const made = await call(on.api, '/api/v1/machines?project=default', {
    body: { name: 'a', spec: { cpus: 2 } },
  })
  assert.equal(made.status, 201, made.text)
  assert.equal(made.headers.etag, '"1"')
  assert.equal(made.at('spec.cpus'), 2)
  const got = await call(on.api, '/api/v1/machines/a')
  assert.equal(got.at('id'), made.at('id'))
  assert.equal((await call(on.api, `/api/v1/machines/${String(made.at('id'))}`)).at('name'), 'a')
  const patched = await call(on.api, '/api/v1/machines/a', { method: 'PATCH', body: { spec: { cpus: 4 } } })
  assert.equal(patched.at('generation'), 2)
  const stopped = await call(on.api, '/api/v1/machines/a/stop', { body: {} })
  assert.equal(stopped.at('spec.power'), 'off')
  const listed = await call(on.api, '/api/v1/machines?spec.cpus=4&sort=-createdAtMs')
  assert.equal(listed.at('total'), 1)
  const gone = await call(on.api, '/api/v1/machines/a', { method: 'DELETE' })
  assert.equal(gone.status, 202)
  assert.notEqual(gone.at('deletingAtMs'), null)
  for (const path of [
    '/api/health',
    '/api/openapi.json',
    '/metrics',
    '/',
    '/docs',
    '/docs/kinds',
    '/sign-in?link=x',
    '/decant.css',
    '/api/v1/me',
    '/api/v1/access',
    '/api/v1/audit',
    '/api/v1/events',
  ])
    assert.equal((await call(on.api, path)).status, 200, path)
  assert.deepEqual(on.logged, [])
})
