/** Texts of strangers: nothing in them moves, colours or turns what stands around them. */

import { doesNotMatch, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { inert, isWellFormed, kebab } from './text.ts'

test('escapes, controls and marks of direction are shown, not obeyed', () => {
  equal(inert('\u001b[31mred'), '\\u001b[31mred')
  equal(inert('a\u0007\rb\u009b2J'), 'a\\u0007\\u000db\\u009b2J')
  equal(inert('user\u202egpj.exe'), 'user\\u202egpj.exe')
  equal(inert('\u2066x\u2069\u200f\u061c'), '\\u2066x\\u2069\\u200f\\u061c')
})

test('plain words of any script, line breaks and tabs stay as they are', () => {
  for (const text of ['', 'web-1', '머신', 'a\tb\nc', 'naïve 😀', '\\u001b']) equal(inert(text), text)
})

test('by chance: no control but tab and line feed is left, and once made inert a text stays so', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const safe = inert(text)
      doesNotMatch(safe.replaceAll(/[\t\n]/g, ''), /[\p{Cc}\p{Bidi_Control}]/u)
      equal(inert(safe), safe)
    }),
    { numRuns: 500 },
  )
})

test('a lone surrogate or a NUL is not well-formed', () => {
  for (const text of ['\ud800', 'a\udc00b', '\0']) ok(!isWellFormed(text))
  for (const text of ['', 'a', '😀', '머신']) ok(isWellFormed(text))
})

test('names of fields become flags', () => {
  equal(kebab('memoryMib'), 'memory-mib')
  equal(kebab('isShared'), 'is-shared')
  equal(kebab('cpus'), 'cpus')
})
