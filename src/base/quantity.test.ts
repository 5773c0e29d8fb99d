/** Quantities as people write them, and as they are shown. */

import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { bytesText, durationText, quantityFrom, type Unit } from './quantity.ts'

test('a quantity is read into its unit; a bare number is in it already', () => {
  const cases: readonly [string, Unit, number][] = [
    ['512', 'MiB', 512],
    ['512MiB', 'MiB', 512],
    ['1.5GiB', 'MiB', 1536],
    [' 2 G ', 'GiB', 2],
    ['1GB', 'bytes', 1e9],
    ['1TiB', 'GiB', 1024],
    ['30s', 'seconds', 30],
    ['250ms', 'seconds', 0.25],
    ['2h', 'seconds', 7200],
    ['1d', 'seconds', 86_400],
  ]
  for (const [text, unit, value] of cases) equal(quantityFrom(text, unit), value, text)
})

test('what is no quantity of that unit is nothing, inherited names included', () => {
  const texts = [
    '',
    ' ',
    'MiB',
    '-1',
    '1e3',
    '0x10',
    '1..5',
    '.5',
    '1,5',
    '1 2',
    'NaN',
    'Infinity',
    '1constructor',
    '1toString',
    '٣',
  ]
  for (const text of texts) equal(quantityFrom(text, 'MiB'), undefined, text)
  equal(quantityFrom('5s', 'MiB'), undefined)
  equal(quantityFrom('5MiB', 'seconds'), undefined)
})

test('bytes are shown in the largest unit that keeps them at one or more', () => {
  const cases: readonly [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536 * 2 ** 20, '1.5 GiB'],
    [5 * 2 ** 40, '5 TiB'],
  ]
  for (const [bytes, text] of cases) equal(bytesText(bytes), text)
})

test('whole quantities that are shown read back as they were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1023 }),
      fc.constantFrom('B', 'KiB', 'MiB', 'GiB'),
      (count, unit) => {
        const bytes = quantityFrom(`${count}${unit}`, 'bytes')
        equal(quantityFrom(bytesText(bytes ?? -1), 'bytes'), bytes)
      },
    ),
  )
})

test('durations are shown in their two largest parts', () => {
  const cases: readonly [number, string][] = [
    [-5, '0s'],
    [59.9, '59s'],
    [60, '1m0s'],
    [3_599, '59m59s'],
    [3_600, '1h0m'],
    [86_399, '23h59m'],
    [90_000, '1d1h'],
  ]
  for (const [seconds, text] of cases) equal(durationText(seconds), text)
})
