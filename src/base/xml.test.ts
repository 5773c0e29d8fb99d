/** XML of strangers is read within bounds, and what is written is read back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as holds, property, string } from 'fast-check'
import { all, at, isXmlFault, parseXml, xmlText, type Element, type XmlFault } from './xml.ts'

const bounds = { chars: 100_000, depth: 8, elements: 100 }

const read = (text: string): Element => {
  const found = parseXml(text, bounds)
  assert.ok(!isXmlFault(found), JSON.stringify(found))
  return found
}
const fault = (text: string): string => (parseXml(text, bounds) as XmlFault).why

test('elements, attributes, text and prefixes', () => {
  const root = read('<a x="1"><p:b>one<![CDATA[ <two>]]></p:b><b y="&lt;"/></a>')
  assert.deepEqual(root.attributes, { x: '1' })
  assert.deepEqual(
    all(root, 'b').map(({ text, attributes }) => [text, attributes['y']]),
    [
      ['one <two>', undefined],
      ['', '<'],
    ],
  )
  assert.equal(at(root, 'b', 'c'), undefined)
})

test('what is dangerous or endless is refused', () => {
  const bomb = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]><a>&c;</a>'
  assert.match(fault(bomb), /document type/)
  assert.match(fault('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'), /document type/)
  assert.match(fault('<a>&xxe;</a>'), /entity/i)
  assert.match(fault('<a>'.repeat(9) + '</a>'.repeat(9)), /deeper/)
  assert.match(fault(`<a>${'<b/>'.repeat(100)}</a>`), /more than 100/)
  assert.match(fault(`<a>${' '.repeat(100_001)}</a>`), /longer/)
  for (const broken of ['', '<a>', '<a></b>', '<a/><b/>', 'text', '<a x=1/>']) assert.ok(fault(broken))
})

test('every text that is written is read back as it was', () => {
  holds(
    property(string({ unit: 'grapheme' }), string({ unit: 'grapheme' }), (text, value) => {
      const root = read(xmlText(['a', { v: value }, ['b', {}, text], ['c', { n: 1, none: undefined }]]))
      const plain = (said: string) => said.replace(/\r\n?/g, '\n')
      assert.equal(at(root, 'b')?.text, plain(text).trim())
      assert.equal(root.attributes['v'], plain(value).replace(/[\n\t]/g, ' '))
      assert.deepEqual(at(root, 'c')?.attributes, { n: '1' })
    }),
  )
})
