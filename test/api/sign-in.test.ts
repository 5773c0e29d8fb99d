/** Signing in: links used once, sessions, their cookies, and leaving. */

import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { memoryStore } from '#drivers/store/memory/store.ts'
import { limits } from '#model/limits.ts'
import { createSignInLink } from '#api/sign-in.ts'
import { sweep } from '#api/sweep.ts'
import { bench, call, person, slowly, type Bench } from './desk.ts'

let on: Bench
beforeEach(async () => {
  on = await bench()
})
afterEach(() => on.close())

const open = { token: null }
const secretIn = (path: string) => path.slice(path.indexOf('=') + 1)

async function signIn(user = 'admin') {
  const link = secretIn(await createSignInLink(on.desk, user))
  const got = await call(on.api, '/api/v1/sign-in', { ...open, body: { link } })
  const set = got.headers['set-cookie'] as string[]
  const cookie = set.map((text) => text.split(';')[0]).join('; ')
  return { got, set, cookie, csrf: String(got.at('csrf')) }
}

test('a link is exchanged once, however many come with it at the same time', async () => {
  await on.close()
  on = await bench({ fakes: { store: slowly(memoryStore()) } })
  const link = secretIn(await createSignInLink(on.desk, 'admin'))
  const page = await call(on.api, `/sign-in?link=${link}`, open)
  assert.equal(page.status, 200, 'looking at the page does not use it up')
  const got = await Promise.all(
    Array.from({ length: 20 }, () => call(on.api, '/api/v1/sign-in', { ...open, body: { link } })),
  )
  assert.deepEqual(got.map(({ status }) => status).toSorted(), [
    200,
    ...Array.from({ length: 19 }, () => 401),
  ])
  assert.equal((await on.store.snapshot('session')).entries.length, 1)
})

test('the form of the page signs in too and leads home', async () => {
  const link = secretIn(await createSignInLink(on.desk, 'admin'))
  const form = {
    ...open,
    body: `link=${link}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://localhost' },
  }
  const got = await call(on.api, '/sign-in', form)
  assert.deepEqual([got.status, got.headers.location], [303, '/'])
  const [cookie = ''] = got.headers['set-cookie'] as string[]
  const home = await call(on.api, '/', {
    ...open,
    headers: { cookie: cookie.split(';')[0] ?? '', 'accept-language': 'ko-KR,ko;q=0.9,en;q=0.5' },
  })
  assert.match(home.text, /lang="ko"[\s\S]*admin\(으\)로 로그인했습니다/)
  assert.ok(!/<script|style=/.test(home.text))
})

test('a session reads by its cookie, and changes only with its counterpart', async () => {
  const { set, cookie, csrf } = await signIn()
  assert.match(set[0] ?? '', /^decant_session=[\w-]{43}; HttpOnly; Path=\/; SameSite=Strict; Max-Age=\d+$/)
  assert.ok(!/HttpOnly/.test(set[1] ?? ''))
  assert.equal((await call(on.api, '/api/v1/me', { ...open, headers: { cookie } })).at('via'), 'session')
  const make = (headers: Record<string, string>) =>
    call(on.api, '/api/v1/machines', { ...open, body: { name: 'a' }, headers: { cookie, ...headers } })
  assert.equal((await make({})).code, 'auth/csrf')
  assert.equal((await make({ 'x-decant-csrf': 'wrong' })).code, 'auth/csrf')
  assert.equal((await make({ 'x-decant-csrf': csrf, origin: 'http://evil.example' })).code, 'request/host')
  assert.equal((await make({ 'x-decant-csrf': csrf, origin: 'null' })).code, 'request/host')
  assert.equal((await make({ 'x-decant-csrf': csrf, origin: 'http://localhost' })).status, 201)
})

test('under TLS the cookies are Secure and bound to the host', async () => {
  const own = await bench({ options: { isSecure: true } })
  const link = secretIn(await createSignInLink(own.desk, 'admin'))
  const got = await call(own.api, '/api/v1/sign-in', { ...open, body: { link } })
  assert.match(String((got.headers['set-cookie'] as string[])[0]), /^__Host-decant_session=.*; Secure$/)
  assert.match(String(got.headers['strict-transport-security']), /max-age/)
  await own.close()
})

test('sessions are listed, revoked, ended by their user, and only hashes are stored (I-45)', async () => {
  const [one, two] = [await signIn(), await signIn()]
  const list = await call(on.api, '/api/v1/sessions', { ...open, headers: { cookie: one.cookie } })
  assert.equal(list.items.length, 2)
  const other = (list.items as unknown as { id: string; isThis: boolean }[]).find(({ isThis }) => !isThis)
  const end = await call(on.api, `/api/v1/sessions/${other?.id}`, {
    ...open,
    method: 'DELETE',
    headers: { cookie: one.cookie, 'x-decant-csrf': one.csrf },
  })
  assert.equal(end.status, 204)
  assert.equal(
    (await call(on.api, '/api/v1/me', { ...open, headers: { cookie: two.cookie } })).code,
    'auth/invalid',
  )
  const everything = JSON.stringify([await on.store.snapshot(), await on.records()])
  for (const { cookie } of [one, two]) assert.ok(!everything.includes(cookie.slice(15, 58)))
  const form = {
    ...open,
    headers: { cookie: one.cookie, 'content-type': 'application/x-www-form-urlencoded' },
  }
  assert.equal((await call(on.api, '/sign-out', { ...form, body: 'csrf=wrong' })).code, 'auth/csrf')
  assert.equal((await call(on.api, '/sign-out', { ...form, body: `csrf=${one.csrf}` })).status, 303)
  assert.equal((await call(on.api, '/api/v1/me', { ...open, headers: { cookie: one.cookie } })).status, 401)
})

test('people see only their own sessions; links for others are made by administrators', async () => {
  const token = await person(on, 'eve', [{ project: 'default', role: 'admin' }])
  await signIn()
  assert.deepEqual((await call(on.api, '/api/v1/sessions', { token })).items, [])
  assert.equal(
    (await call(on.api, '/api/v1/sign-in-links', { token, body: { user: 'admin' } })).code,
    'auth/forbidden',
  )
  const made = await call(on.api, '/api/v1/sign-in-links', { body: { user: 'eve' } })
  const { got } = {
    got: await call(on.api, '/api/v1/sign-in', {
      ...open,
      body: { link: secretIn(String(made.at('path'))) },
    }),
  }
  assert.equal(got.at('user'), 'eve')
})

test('links and sessions expire and are swept; old sessions make room', async () => {
  const link = secretIn(await createSignInLink(on.desk, 'admin'))
  await signIn()
  const later = { ...on.desk, clock: { ...on.desk.clock, now: () => Date.now() + limits.sessionMs + 1 } }
  assert.equal(await sweep({ desk: later }), 2)
  assert.equal((await call(on.api, '/api/v1/sign-in', { ...open, body: { link } })).status, 401)
  for (let at = 0; at < limits.sessionsPerUser + 3; at++) await signIn()
  assert.equal((await on.store.snapshot('session')).entries.length, limits.sessionsPerUser)
})

test('a disabled user does not sign in', async () => {
  await call(on.api, '/api/v1/users', { body: { name: 'gone', spec: { isDisabled: true } } })
  const link = secretIn(await createSignInLink(on.desk, 'gone'))
  assert.equal((await call(on.api, '/api/v1/sign-in', { ...open, body: { link } })).status, 401)
})
