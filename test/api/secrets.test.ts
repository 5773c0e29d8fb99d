/** Secrets in wishes: written, used, never read again by anybody on any way out (I-45). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at } from '#base/json.ts'
import { secretMark } from '#model/secrecy.ts'
import { bench, call as callApi, type Bench } from './desk.ts'

const call = async (on: Bench, method: string, url: string, wish?: object) => {
  const { status, text } = await callApi(on.api, url, {
    method,
    ...(wish === undefined ? {} : { body: wish }),
    ...(method === 'PATCH' ? { headers: { 'content-type': 'application/merge-patch+json' } } : {}),
  })
  return { status, text, body: JSON.parse(text) as unknown }
}

/** What would be done, which must be an answer indeed: a refusal shows nothing anyway. */
const dry = async (on: Bench, method: string, url: string, wish?: object) => {
  const answer = await call(on, method, `${url}?dryRun=plan`, wish)
  assert.equal(answer.status, 200, answer.text)
  return answer
}

const words = [
  'opensesame-1',
  'opensesame-2',
  'opensesame-3',
  '#cloud-config\nruncmd: [opensesame-4]',
  '#!/bin/sh\necho opensesame-5',
]
const firstBoot = {
  hostname: 'shown',
  password: words[0],
  users: [{ name: 'kim', password: words[1] }],
  files: [{ path: '/etc/key', content: words[2] }],
  userData: words[3],
  vendorData: words[4],
}
const anySecret = /opensesame/

async function withMachine(prove: (on: Bench) => Promise<void>) {
  const on = await bench()
  try {
    const made = await call(on, 'POST', '/api/v1/machines', {
      name: 'web',
      spec: { power: 'off', firstBoot },
    })
    assert.equal(made.status, 201, JSON.stringify(made.body))
    assert.doesNotMatch(JSON.stringify(made.body), anySecret)
    await prove(on)
  } finally {
    await on.close()
  }
}

const kept = (on: Bench) =>
  at(on.desk.replica.find('machine', 'default', 'web')?.document, 'spec.firstBoot') as typeof firstBoot

test('no answer, list, dry run, record or log shows one', () =>
  withMachine(async (on) => {
    assert.equal(kept(on).password, words[0])
    const answers = [
      await call(on, 'GET', '/api/v1/machines/web'),
      await call(on, 'GET', '/api/v1/machines'),
      await dry(on, 'PATCH', '/api/v1/machines/web', { spec: { cpus: 2, power: 'on' } }),
      await dry(on, 'PATCH', '/api/v1/machines/web', { spec: { firstBoot: null } }),
      await dry(on, 'PATCH', '/api/v1/machines/web', { spec: { firstBoot: { password: 'opensesame-7' } } }),
      await dry(on, 'POST', '/api/v1/machines', { name: 'other', spec: { firstBoot } }),
      await dry(on, 'POST', '/api/v1/machines', { name: 'other', spec: { cloneOf: { machine: 'web' } } }),
      await dry(on, 'DELETE', '/api/v1/machines/web'),
      await call(on, 'PATCH', '/api/v1/machines/web', { spec: { firstBoot: { password: 'opensesame-6' } } }),
      await call(on, 'POST', '/api/v1/machines', { name: 'clone', spec: { firstBoot, cpus: 0 } }),
      await call(on, 'GET', '/api/v1/audit'),
    ]
    for (const { body } of answers) assert.doesNotMatch(JSON.stringify(body), anySecret)
    assert.doesNotMatch(JSON.stringify([await on.records(), on.logged]), anySecret)
    assert.equal(at(answers[0]?.body, 'spec.firstBoot.hostname'), 'shown')
    assert.equal(at(answers[0]?.body, 'spec.firstBoot.users.0.password'), secretMark)
    assert.match(JSON.stringify(await on.records()), /secret, changed/)
  }))

test('what was read can be written back and nothing is lost', () =>
  withMachine(async (on) => {
    const { body } = await call(on, 'GET', '/api/v1/machines/web')
    const spec = at(body, 'spec') as object
    const back = await call(on, 'PUT', '/api/v1/machines/web', { spec: { ...spec, cpus: 2 } })
    assert.equal(back.status, 200, JSON.stringify(back.body))
    assert.deepEqual(
      [kept(on).password, kept(on).users[0]?.password, kept(on).files[0]?.content, kept(on).userData],
      words.slice(0, 4),
    )
    const users = [{ name: 'lee', password: secretMark }]
    const none = await call(on, 'PATCH', '/api/v1/machines/web', { spec: { firstBoot: { users } } })
    assert.deepEqual([none.status, at(none.body, 'field')], [422, 'spec.firstBoot.users.0.password'])
  }))

test('they cannot be guessed by asking who has them', () =>
  withMachine(async (on) => {
    for (const query of [
      `spec.firstBoot.password=${words[0]}`,
      'sort=spec.firstBoot.password',
      `spec.firstBoot.users.0.password!=x`,
      `spec.firstBoot.userData=x`,
    ]) {
      const { status } = await call(on, 'GET', `/api/v1/machines?${query}`)
      assert.ok(status === 400 || status === 422, query)
    }
    const { body } = await call(on, 'GET', '/api/v1/machines?search=opensesame')
    assert.equal(at(body, 'total'), 0)
  }))
