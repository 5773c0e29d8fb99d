/** JSON: one text for equal values, patches that do as RFC 7396 says, differences that miss nothing. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { at, canonical, differences, merged, same, type Json } from './json.ts'

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
/** Names that every object seems to have, and that JSON may hold like any other. */
const inherited = ['__proto__', 'constructor', 'toString']
const record = fc.dictionary(fc.oneof(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...inherited)), json)
const parsed = (text: string): unknown => JSON.parse(text)

test('equal values have one text, whatever the order of their names', () => {
  equal(canonical({ b: 1, a: [true, null, { d: 'x', c: 0 }] }), '{"a":[true,null,{"c":0,"d":"x"}],"b":1}')
  fc.assert(
    fc.property(record, (value) => {
      equal(canonical(value), canonical(Object.fromEntries(Object.entries(value).toReversed())))
    }),
  )
})

test('the text is JSON and means the value, inherited names included', () => {
  fc.assert(
    fc.property(fc.oneof(json, record), (value) =>
      deepEqual(parsed(canonical(value)), parsed(JSON.stringify(value))),
    ),
  )
})

test('what is alike has the same text and nothing else has', () => {
  const cases: readonly [unknown, unknown, boolean][] = [
    [{ a: 1, b: undefined }, { a: 1 }, true],
    [{ a: undefined }, { b: undefined }, true],
    [{ a: null }, {}, false],
    [[1, 2], [2, 1], false],
    [[], {}, false],
    [0, -0, true],
    ['1', 1, false],
    [undefined, null, true],
    [[undefined], [null], true],
    [parsed('{"__proto__":1}'), {}, false],
    [parsed('{"constructor":null}'), {}, false],
  ]
  for (const [one, other, alike] of cases) {
    equal(same(one, other), alike, `${canonical(one)} ${canonical(other)}`)
    equal(same(other, one), alike)
  }
  fc.assert(
    fc.property(record, record, (one, other) => equal(same(one, other), canonical(one) === canonical(other))),
  )
  fc.assert(fc.property(fc.oneof(json, record), (value) => ok(same(value, structuredClone(value)))))
})

test('a merge patch does as the examples of RFC 7396, appendix A', () => {
  const examples = [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ] as const
  for (const [target, patch, result] of examples)
    deepEqual(merged(parsed(target), parsed(patch)), parsed(result), `${target} ${patch}`)
})

test('a patch changes neither what it is applied to nor what all objects share', () => {
  const target = { a: { b: 1 } }
  merged(target, parsed('{"a":{"b":null},"__proto__":{"isAdmin":true}}'))
  deepEqual(target, { a: { b: 1 } })
  equal(({} as { isAdmin?: unknown }).isAdmin, undefined)
})

test('a field called __proto__ stays a field', () => {
  const result = merged({}, parsed('{"__proto__":{"isAdmin":true}}')) as object
  equal(Object.getPrototypeOf(result), Object.prototype)
  ok(Object.hasOwn(result, '__proto__'))
  equal(at(result, '__proto__.isAdmin'), true)
  equal(at({}, '__proto__'), undefined)
})

test('differences are nothing exactly for what is alike, and name the path of each leaf', () => {
  deepEqual(differences({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 1, c: 3 }, d: [1, 2] }), [
    { path: 'a.c', before: 2, after: 3 },
    { path: 'd', before: [1], after: [1, 2] },
  ])
  deepEqual(differences({}, { constructor: 'x' }), [{ path: 'constructor', before: undefined, after: 'x' }])
  deepEqual(differences({}, { a: null }), [{ path: 'a', before: undefined, after: null }])
  fc.assert(
    fc.property(record, record, (one, other) => {
      equal(differences(one, other).length === 0, same(one, other))
    }),
  )
})

test('a path ends where there is nothing, and never reaches what is inherited', () => {
  const value = { status: { guest: null, list: ['x', { y: 1 }] } }
  equal(at(value, 'status.list.1.y'), 1)
  equal(at(value, 'status.guest'), null)
  for (const path of [
    'status.guest.pid',
    'status.list.7',
    'status.list.length',
    'constructor',
    'status.toString',
  ])
    equal(at(value, path), undefined, path)
})
