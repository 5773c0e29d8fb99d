/** Whatever is sent: a problem that says what is wrong, never a 5xx, never a stall, never a look inside. */

import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { randomFrom, wholeFrom, oneOf as pick } from '#base/random.ts'
import { limits } from '#model/limits.ts'
import { bench, call, localToken, type Bench } from './desk.ts'

let on: Bench
let port: number
before(async () => {
  on = await bench()
  await new Promise<void>((resolve) => on.api.server.listen(0, '127.0.0.1', resolve))
  port = (on.api.server.address() as AddressInfo).port
})
after(() => on.close())

const naughty = [
  '',
  ' ',
  '.',
  '..',
  '../../etc/passwd',
  '/',
  '\\',
  '%',
  '%00',
  '%2e%2e',
  'a,b',
  'x,process=sshd',
  '-drive',
  '--',
  '$(id)',
  '`id`',
  "' OR 1=1 --",
  '"',
  '<script>alert(1)</script>',
  '{{7*7}}',
  '${7*7}',
  '\u0000',
  '\u0007',
  '\u001b[31m',
  '\r\nX: y',
  '\u202Eabc',
  '\uD800',
  '\uFFFF',
  '\u{1F4A9}',
  'İ',
  'ß',
  'Ａ',
  '한글',
  'null',
  'undefined',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'true',
  '0',
  '-1',
  '1e309',
  '9'.repeat(400),
  'a'.repeat(64),
  'a'.repeat(5000),
  'A',
  'a_b',
  'a b',
  '-a',
  'a-',
  'con',
  'ⅷ',
]

const isGood = (got: { status: number; text: string; code: unknown }) =>
  got.status < 500 && (got.status < 400 || typeof got.code === 'string')

const inside = /node_modules|\.ts:\d|at async|SQLITE|stack/

test('naughty texts in every field, name, query, header', async () => {
  const bad: string[] = []
  const check = (what: string, got: Awaited<ReturnType<typeof call>>, isOk = isGood(got)) => {
    if (!isOk || inside.test(got.text)) bad.push(`${what}: ${got.status} ${got.text.slice(0, 200)}`)
  }
  for (const text of naughty) {
    const said = JSON.stringify(text)
    const encoded = encodeURIComponent(text.isWellFormed() ? text : 'x')
    check(`name ${said}`, await call(on.api, '/api/v1/machines', { body: { name: text } }))
    for (const [kind, body] of Object.entries({
      machines: {
        image: text,
        datastore: text,
        disks: [text],
        nics: [{ network: text, mac: text }],
        hostLabels: { [text]: text },
      },
      users: { displayName: text, bindings: [{ project: text, role: text }] },
      datastores: { folder: text },
      images: { sha256: text, datastore: text },
      tokens: { user: text },
    })) {
      for (const [field, value] of Object.entries(body))
        check(
          `${kind}.${field} ${said}`,
          await call(on.api, `/api/v1/${kind}`, {
            body: { name: `n-${Math.floor(on.desk.replica.revision)}-${kind}`, spec: { [field]: value } },
          }),
        )
    }
    check(
      `description ${said}`,
      await call(on.api, '/api/v1/networks/default', { method: 'PATCH', body: { description: text } }),
    )
    check(
      `label ${said}`,
      await call(on.api, '/api/v1/networks/default', { method: 'PATCH', body: { labels: { [text]: text } } }),
    )
    for (const path of [
      'machines/X',
      'machines/X/start',
      'X',
      'machines?project=X',
      'machines?cursor=X',
      'machines?labels=X',
      'machines?sort=X',
      'machines?search=X',
      'machines?X=1',
      'machines?status.X=1',
      'machines?limit=X',
      'watch?from=X&kinds=zzz',
      'watch?kinds=X,zzz',
      'audit?before=X',
      'events?kind=X',
      'console?ticket=X',
      'sessions/X',
    ])
      check(`${path} ${said}`, await call(on.api, `/api/v1/${path.replace('X', encoded)}`))
    if (/^[\u0020-\u007e]*$/.test(text)) {
      for (const header of [
        'authorization',
        'cookie',
        'accept-language',
        'if-match',
        'if-none-match',
        'idempotency-key',
        'x-decant-csrf',
        'last-event-id',
        'host',
        'origin',
        'content-type',
      ]) {
        const token = header === 'authorization' ? null : localToken
        const name = `h-${on.desk.replica.revision}`
        check(
          `${header} ${said}`,
          await call(on.api, '/api/v1/machines', {
            method: 'POST',
            body: { name },
            token,
            headers: { [header]: text },
          }),
        )
      }
      check(`bearer ${said}`, await call(on.api, '/api/v1/me', { token: text }))
      check(
        `cookie ${said}`,
        await call(on.api, '/api/v1/me', { token: null, headers: { cookie: `decant_session=${text}` } }),
      )
    }
  }
  assert.deepEqual(bad, [])
  assert.deepEqual(on.logged, [])
})

test('stored texts hold no control characters, whoever looks', async () => {
  for (const text of ['\u001b[2J', 'a\u0000b', '\u202Eabc', '\uD800']) {
    const got = await call(on.api, '/api/v1/users', { body: { name: 'x', spec: { displayName: text } } })
    assert.deepEqual([got.status, got.at('field')], [422, 'spec.displayName'])
  }
})

test('malformed bodies', async () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    call(on.api, '/api/v1/machines', { method: 'POST', body, headers })
  for (const body of [
    '{',
    '[',
    '"',
    'nul',
    '{"a":1,}',
    "{'a':1}",
    '\uFEFF{',
    '{"name":"a"}x',
    '[[[',
    '\u0000',
  ])
    assert.deepEqual([(await post(body)).status, (await post(body)).code], [400, 'request/malformed'], body)
  for (const body of [
    'null',
    '[]',
    '1',
    '"x"',
    'true',
    '{}',
    '[{}]',
    '{"name":1}',
    '{"name":{}}',
    '{"name":["a"]}',
    '{"name":"a","spec":[]}',
    '{"name":"a","spec":{"cpus":1.5}}',
    '{"name":"a","spec":{"cpus":1e999}}',
    '{"name":"a","spec":{"nics":{}}}',
    '{"name":"a","zzz":1}',
  ])
    assert.equal((await post(body)).status, 422, body)
  assert.equal((await post('{"name":"a"}', { 'content-type': 'text/plain' })).code, 'request/media-type')
  assert.equal((await post('<a/>', { 'content-type': 'application/xml' })).status, 415)
  assert.equal((await post('{}', { 'content-type': 'application/json; charset=koi8-r' })).status, 422)
  assert.equal((await post(`{"name":"${'a'.repeat(limits.bodyBytes)}"}`)).code, 'request/too-large')
  const deep = '['.repeat(200_000) + ']'.repeat(200_000)
  assert.equal((await post(deep)).code, 'request/too-deep')
  assert.equal(
    (await post(`{"name":"deep","spec":${'{"a":'.repeat(25)}1${'}'.repeat(25)}}`)).code,
    'request/too-deep',
  )
})

test('names like __proto__ and twice-given names are harmless', async () => {
  const post = (body: string) => call(on.api, '/api/v1/machines', { method: 'POST', body })
  for (const key of ['__proto__', 'constructor', 'prototype', 'toString']) {
    await post(
      `{"name":"p-${key.length}","${key}":{"isAdmin":true},"spec":{"${key}":{"cpus":9}},"labels":{"${key}":"x"}}`,
    )
    await call(on.api, '/api/v1/networks/default', {
      method: 'PATCH',
      body: `{"${key}":{"x":1},"spec":{"${key}":{"x":1}}}`,
    })
  }
  assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined)
  assert.equal(({} as { x?: number }).x, undefined)
  const twice = await post('{"name":"first","name":"second"}')
  assert.equal(twice.at('name'), 'second')
})

test('seeded noise in bodies, queries and headers', async () => {
  const random = randomFrom(20_260)
  const letters = '{}[]",:\\/%&=?;<>\'`$-_.*()aZ09\u00e9 tnfu'
  const noise = () =>
    Array.from({ length: wholeFrom(random, 60) }, () => letters[wholeFrom(random, letters.length)]).join('')
  const paths = on.api.routes.filter(({ path }) => path !== '/api/v1/watch')
  for (let round = 0; round < 1500; round++) {
    const route = pick(random, paths)
    const url = `${route.path.replace(/:\w+/, encodeURIComponent(noise()) || 'x')}?${encodeURI(noise()).replaceAll('#', '')}`
    const isRead = route.method === 'GET'
    const got = await call(on.api, url, {
      method: route.method,
      token: wholeFrom(random, 4) === 0 ? null : localToken,
      ...(isRead || wholeFrom(random, 3) === 0
        ? {}
        : {
            body:
              wholeFrom(random, 2) === 0
                ? noise()
                : JSON.stringify({ name: noise(), spec: noise(), items: [noise()] }),
          }),
      headers: wholeFrom(random, 2) === 0 ? { 'if-match': noise().replace(/[^ -~]/g, '') } : {},
    })
    assert.ok(isGood(got), `${route.method} ${url}: ${got.status} ${got.text}`)
  }
  assert.deepEqual(on.logged, [])
})

/** Sends raw bytes and gives what comes back. */
const raw = (bytes: string, waitMs = 3000) =>
  new Promise<string>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    let text = ''
    socket.on('data', (chunk) => (text += chunk.toString()))
    socket.on('close', () => resolve(text))
    socket.on('error', () => resolve(text))
    setTimeout(() => socket.destroy(), waitMs).unref()
  })

test('what is not HTTP, names another host, or never ends', async () => {
  const status = (text: string) => Number(text.split(' ')[1])
  const auth = `Authorization: Bearer ${localToken}\r\n`
  const end = 'Connection: close\r\n\r\n'
  assert.equal(status(await raw('GARBAGE\r\n\r\n')), 400)
  assert.equal(status(await raw(`GET / HTTP/1.1\r\n${end}`)), 400, 'no Host')
  assert.equal(status(await raw(`GET /api/health HTTP/1.1\r\nHost: evil.example\r\n${end}`)), 403)
  assert.equal(status(await raw(`GET /api/health HTTP/1.1\r\nHost: localhost.evil.example\r\n${end}`)), 403)
  assert.equal(status(await raw(`GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${end}`)), 200)
  const two = 'Host: localhost\r\nHost: evil.example\r\n'
  assert.equal(status(await raw(`GET /api/health HTTP/1.1\r\n${two}${end}`)), 400, 'two hosts')
  const whole = 'http://evil.example/api/health'
  assert.equal(status(await raw(`GET ${whole} HTTP/1.1\r\nHost: localhost\r\n${end}`)), 400, 'absolute form')
  assert.equal(
    status(await raw(`GET /api/v1/machines/%zz HTTP/1.1\r\nHost: localhost\r\n${auth}${end}`)),
    400,
  )
  assert.equal(
    status(await raw(`GET /api/v1/machines?a=%zz HTTP/1.1\r\nHost: localhost\r\n${auth}${end}`)),
    400,
  )
  assert.equal(status(await raw(`GET /%c0%af HTTP/1.1\r\nHost: localhost\r\n${end}`)), 400)
  assert.equal(
    status(await raw(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(40_000)}\r\n${end}`)),
    431,
  )
  assert.equal(
    status(
      await raw(
        `POST /api/v1/machines HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
      ),
    ),
    413,
  )
  assert.equal(
    status(
      await raw(
        `POST /api/v1/machines HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Type: application/json\r\nContent-Length: -1\r\n${end}`,
      ),
    ),
    400,
  )
  const smuggled = await raw(
    `POST /api/v1/machines HTTP/1.1\r\nHost: localhost\r\n${auth}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n${end}0\r\n\r\n`,
  )
  assert.equal(status(smuggled), 400)
  for (const text of [
    await raw('GARBAGE\r\n\r\n'),
    await raw(`GET /nothing HTTP/1.1\r\nHost: localhost\r\n${end}`),
  ])
    assert.match(text, /application\/problem\+json[\s\S]*"code":/)
})

test('a body that is too large or refused early still gets its answer', async () => {
  const send = (path: string, headers: Record<string, string>) =>
    new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        {
          port,
          host: '127.0.0.1',
          method: path.includes('content') ? 'PUT' : 'POST',
          path,
          agent: false,
          headers: { host: 'localhost', 'transfer-encoding': 'chunked', ...headers },
        },
        async (response) => {
          let text = ''
          for await (const chunk of response) text += String(chunk)
          resolve(`${response.statusCode} ${text}`)
        },
      )
      request.on('error', reject)
      for (let at = 0; at < 100; at++) request.write(Buffer.alloc(65_536, 0x20))
      request.end()
    })
  const authorization = `Bearer ${localToken}`
  assert.match(
    await send('/api/v1/machines', { authorization, 'content-type': 'application/json' }),
    /^413 .*request\/too-large/,
  )
  assert.match(
    await send('/api/v1/images/none/content', { authorization, 'content-type': 'application/octet-stream' }),
    /^404 /,
  )
  assert.match(
    await send('/api/v1/images/none/content', { 'content-type': 'application/octet-stream' }),
    /^401 /,
  )
  assert.match(await send('/api/v1/machines', { authorization, 'content-type': 'text/plain' }), /^415 /)
})

test('methods that an address does not have', async () => {
  const got = await call(on.api, '/api/v1/machines', { method: 'PUT', body: {} })
  assert.deepEqual(
    [got.status, got.code, got.headers.allow],
    [405, 'request/method', 'GET, POST, HEAD, OPTIONS'],
  )
  assert.equal((await call(on.api, '/api/v1/guests', { body: {} })).code, 'object/read-only')
  const options = await call(on.api, '/api/v1/machines', { method: 'OPTIONS', token: null })
  assert.deepEqual([options.status, options.text], [204, ''])
  const head = await call(on.api, '/api/v1/machines', { method: 'HEAD' })
  assert.deepEqual([head.status, head.text], [200, ''])
  assert.equal((await call(on.api, '/api/v1/watch', { method: 'HEAD' })).status, 200)
  assert.equal((await call(on.api, '/nowhere')).code, 'request/not-found')
  assert.equal((await call(on.api, '/api/v1/machines/x/unknown-verb', { body: {} })).status, 404)
})

test('a fault of ours shows an id and nothing else', async () => {
  const own = await bench({
    fakes: { ask: async () => Promise.reject(new TypeError('secret detail of /srv/x')) },
  })
  const { plant } = await import('./desk.ts')
  const guest = { id: 'g', pid: 1, epoch: 1, boot: 1, startedAtMs: 1, accelerator: 'tcg', proof: null }
  await plant(own.desk.replica, {
    kind: 'machine',
    name: 'm',
    project: 'default',
    status: { state: 'running', host: 'h', guest },
  })
  const got = await call(own.api, '/api/v1/machines/m/screenshot')
  assert.deepEqual([got.status, got.code], [500, 'bug'])
  assert.ok(!got.text.includes('secret detail'))
  assert.equal(own.logged.length, 1)
  assert.ok(own.logged[0]?.includes(String(got.at('facts.id'))))
  await own.close()
})

test('every answer carries the safe headers', async () => {
  for (const path of ['/', '/api/v1/machines', '/nowhere', '/api/health', '/docs']) {
    const { headers } = await call(on.api, path)
    assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['cache-control'], 'no-store')
    assert.ok(headers['x-request-id'])
  }
})
