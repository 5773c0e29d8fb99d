import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as holdsFor, property, string } from 'fast-check'
import { childOf, childrenOf, xmlFrom, xmlText, type XmlElement } from './xml.ts'

const read = (text: string): XmlElement => {
  const root = xmlFrom(text)
  assert.ok('name' in root, JSON.stringify(root))
  return root
}
const whyOf = (text: string) => {
  const root = xmlFrom(text, { chars: 500, depth: 3, elements: 5 })
  return 'why' in root ? root.why : undefined
}

test('names lose their prefix, attributes too; text and children are kept', () => {
  const root = read(
    '<?xml version="1.0"?><o:a xmlns:o="urn:o"><o:b o:id="1">x &amp; <![CDATA[<y>]]></o:b><o:b/></o:a>',
  )
  assert.deepEqual([root.name, root.namespace], ['a', 'urn:o'])
  assert.equal(childOf(root, 'b')?.text, 'x & <y>')
  assert.equal(childOf(root, 'b')?.attributes.get('id'), '1')
  assert.equal(childrenOf(root, 'b').length, 2)
})

test('a document type, entities, what is not well-formed, too deep, too much: refused with the reason', () => {
  assert.match(whyOf('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>') ?? '', /DOCTYPE/)
  assert.match(whyOf('<a>&x;</a>') ?? '', /not well-formed/)
  assert.match(whyOf('<a><b></a>') ?? '', /not well-formed/)
  assert.match(whyOf('<x:a/>') ?? '', /not well-formed/)
  assert.match(whyOf('<a><b><c><d/></c></b></a>') ?? '', /deeper/)
  assert.match(whyOf('<a><b/><b/><b/><b/><b/></a>') ?? '', /elements/)
  assert.match(whyOf(`<a>${'x'.repeat(600)}</a>`) ?? '', /longer/)
  assert.match(whyOf('') ?? '', /well-formed|empty/)
})

test('I-46 of what is far too deep or has far too many attributes little is read', () => {
  const attributes = Array.from({ length: 60_000 }, (_, at) => `b${at}="c"`).join(' ')
  for (const [text, why] of [
    ['<a>'.repeat(300_000), /deeper/],
    [`<a ${attributes}/>`, /attributes/],
  ] as const) {
    let read = 0
    // Each tag costs as much as it is deep: were all of this read, nothing else would happen for seconds.
    const slice = (from: number, to: number) => {
      read = Math.max(read, to)
      return text.slice(from, to)
    }
    const found = xmlFrom({ length: text.length, slice } as unknown as string)
    assert.match('why' in found ? found.why : '', why)
    assert.ok(read < 10_000, `${read} characters were read`)
  }
})

test('whatever text is written is read back as it was', () => {
  holdsFor(
    property(string({ unit: 'binary' }), (text) => {
      const plain = text
        .replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\ufffe\uffff]|\p{Surrogate}/gu, '')
        .trim()
      const root = read(
        xmlText({
          name: 'a',
          attributes: { b: plain, c: undefined },
          children: [{ name: 'd', text: plain }],
        }),
      )
      assert.equal(root.attributes.get('b'), plain)
      assert.equal(childOf(root, 'd')?.text, plain)
    }),
  )
})
