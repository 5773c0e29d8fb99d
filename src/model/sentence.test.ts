/** Sentences: facts go into their places, and a slip is seen. */

import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { say } from './sentence.ts'

const full = { en: 'Host {host} has {free} MiB', ko: '{host}: {free} MiB' }

test('each place is filled, in each language', () => {
  equal(say(full, { host: 'a', free: 0 }), 'Host a has 0 MiB')
  equal(say(full, { host: 'a', free: 0 }, 'ko'), 'a: 0 MiB')
})

test('a place without a fact stays visible, also one that every object seems to have', () => {
  equal(say(full, { host: 'a' }), 'Host a has {free} MiB')
  equal(say({ en: '{constructor} {toString}', ko: '' }), '{constructor} {toString}')
})

test('a fact is taken as it is: what looks like a place or a pattern in it is not filled again', () => {
  equal(say(full, { host: '{free} $& $1', free: 1 }), 'Host {free} $& $1 has 1 MiB')
})
