/** Tables stay straight with wide letters, and no stranger's text moves the cursor. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cropped, oneLine, padded, widthOf } from '#cli/width.ts'
import { sheetLines, tableLines } from '#cli/table.ts'
import { nearest } from '#cli/nearest.ts'

test('Korean, emoji, marks and plain letters have the width that terminals give them', () => {
  const widths: [string, number][] = [
    ['plain', 5],
    ['한국어', 6],
    ['日本', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['👩‍💻', 2],
    ['ｗide', 5],
    ['', 0],
  ]
  for (const [text, width] of widths) assert.equal(widthOf(text), width, text)
  assert.equal(padded('한', 4), '한  ')
  assert.equal(cropped('한국어로', 5), '한국…')
})

test('columns begin at the same place in every row', () => {
  const rows = [
    ['이름', 'State'],
    ['web', 'running'],
    ['데이터베이스', 'stopped'],
  ]
  const lines = tableLines(rows.map((row) => row.map((text) => ({ text }))))
  const starts = lines.map((line, at) => widthOf(line.slice(0, line.lastIndexOf(rows[at]?.[1] ?? ''))))
  assert.deepEqual(new Set(starts).size, 1)
  assert.deepEqual(sheetLines([['상태', 'a\nb']]), ['상태   a', '       b'])
})

test('texts of strangers cannot carry escapes, turn the direction or break the line', () => {
  const naughty = '\u001b[2J\u001b]0;owned\u0007\r\nline\tx\u202eabc\u009b31m\u0000'
  const shown = oneLine(naughty)
  assert.doesNotMatch(shown, /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
})

test('the nearest word is offered only when it is near', () => {
  assert.equal(nearest('machin', ['machine', 'network']), 'machine')
  assert.equal(nearest('lst', ['list', 'show']), 'list')
  assert.equal(nearest('xyzzy', ['list', 'show']), undefined)
})
