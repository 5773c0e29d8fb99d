/** What the API says about itself: OpenAPI, metrics, health, pages, the reference. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isObject } from '#base/json.ts'
import { memoryStore } from '#drivers/store/memory/store.ts'
import { kinds } from '#kinds/registry.ts'
import { escaped } from '#api/html.ts'
import { languageFrom } from '#api/language.ts'
import { bench, call, person, plant, type Bench, type Fakes } from './desk.ts'

let on: Bench
before(async () => {
  on = await bench()
})
after(() => on.close())

const methods = new Set(['get', 'put', 'post', 'delete', 'patch'])

test('the OpenAPI document is whole: every reference leads somewhere, every path parameter is declared', async () => {
  const document = JSON.parse((await call(on.api, '/api/openapi.json', { token: null })).text)
  assert.equal(document.openapi, '3.1.0')
  const resolve = (pointer: string) =>
    pointer
      .slice(2)
      .split('/')
      .reduce<unknown>((here, name) => (isObject(here) ? here[name] : undefined), document)
  const walk = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(walk)
    if (!isObject(value)) return
    if (typeof value.$ref === 'string') assert.ok(resolve(value.$ref) !== undefined, value.$ref)
    Object.values(value).forEach(walk)
  }
  walk(document)
  const ids = new Set<string>()
  for (const [path, item] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      assert.ok(methods.has(method), method)
      const id = String(operation.operationId)
      assert.ok(!ids.has(id), `twice: ${id}`)
      ids.add(id)
      const declared = (operation.parameters as { name: string; in: string }[])
        .filter((one) => one.in === 'path')
        .map(({ name }) => `{${name}}`)
      assert.deepEqual(declared, path.match(/\{\w+\}/g) ?? [], path)
      assert.ok(isObject(operation.responses))
    }
  }
  for (const { name } of kinds) assert.ok(resolve(`#/components/schemas/${name}`), name)
})

test('health answers without sign-in, and says when the store fails', async () => {
  const got = await call(on.api, '/api/health', { token: null })
  assert.deepEqual([got.status, got.at('state')], [200, 'ok'])
  const store = memoryStore()
  const own = await bench({
    fakes: {
      store: new Proxy(store, {
        get: (target, name) =>
          name === 'health'
            ? () => ({ state: 'full', why: 'no space' })
            : (Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)),
      }),
    } as Fakes,
  })
  const full = await call(own.api, '/api/health', { token: null })
  assert.deepEqual([full.status, full.at('state'), full.at('why')], [503, 'full', 'no space'])
  await own.close()
})

test('metrics are Prometheus text; those of the pool are for its viewers', async () => {
  const { text, headers } = await call(on.api, '/metrics')
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  for (const line of text.trim().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="([^"\\]|\\.)*",?)*\})? -?[\d.e+-]+)$/)
  assert.match(text, /decant_objects\{kind="project",state=""\} 1/)
  const tenant = await person(on, 'tenant', [{ project: 'default', role: 'admin' }])
  assert.doesNotMatch(
    (await call(on.api, '/metrics', { token: tenant })).text,
    /decant_(objects|store|request)/,
  )
  assert.equal((await call(on.api, '/metrics', { token: null })).status, 401)
})

test('the home page lists what one may see, escaped, in both languages', async () => {
  const hold = { code: 'machine/no-host', facts: { rejected: '<img src=x onerror=alert(1)>' } }
  await plant(on.desk.replica, {
    kind: 'machine',
    name: 'seen',
    project: 'default',
    status: { holds: [hold] },
  })
  const english = await call(on.api, '/')
  assert.match(english.text, /seen/)
  assert.ok(!english.text.includes('<img'))
  assert.match(english.text, /&lt;img/)
  assert.match((await call(on.api, '/', { headers: { 'accept-language': 'ko' } })).text, /가상 데이터센터/)
  const nobody = await call(on.api, '/', { token: null })
  assert.ok(!nobody.text.includes('seen'))
  const link = await call(on.api, `/sign-in?link=${encodeURIComponent('"><script>x</script>')}`, {
    token: null,
  })
  assert.ok(!link.text.includes('<script'))
  assert.equal(escaped(`<a href="x" y='z'>&`), '&lt;a href=&quot;x&quot; y=&#39;z&#39;&gt;&amp;')
})

test('the languages of a header', () => {
  const cases = {
    ko: 'ko',
    'ko-KR': 'ko',
    en: 'en',
    'fr, ko;q=0.3': 'ko',
    'en;q=0.1, ko;q=0.9': 'ko',
    'ko;q=0, en': 'en',
    '*': 'en',
    ';;;q=x': 'en',
  }
  for (const [header, language] of Object.entries(cases)) assert.equal(languageFrom(header), language, header)
  assert.equal(languageFrom(undefined), 'en')
})

test('problems and holds are said in the language asked for', async () => {
  const headers = { 'accept-language': 'ko' }
  const got = await call(on.api, '/api/v1/machines', { body: { name: 'x', spec: { cpus: 'y' } }, headers })
  assert.match(String(got.at('detail')), /형식이어야 합니다/)
  const korean = await call(on.api, '/api/v1/machines/seen', { headers })
  assert.match(String(korean.at('status.holds.0.message')), /호스트가 없습니다/)
  assert.match(String((await call(on.api, '/api/v1/machines/seen')).at('status.holds.0.message')), /^No host/)
})
