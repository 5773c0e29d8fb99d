/**
 * XML as a tree, and a tree as XML (W3C XML 1.0). Only what documents of this field need: elements, attributes, text.
 * A document type, an entity of its own, too much depth or size is refused: no file or address is ever read for it.
 */

import { SaxesParser } from 'saxes'

export type Element = {
  /** As written, with its prefix: `rasd:Parent`. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly Element[]
  /** All text directly within, trimmed. */
  readonly text: string
}

export type XmlFault = { readonly why: string; readonly line: number }

export type XmlBounds = { readonly chars: number; readonly depth: number; readonly elements: number }

type Open = { name: string; attributes: Record<string, string>; children: Element[]; text: string }

/** The root element, or why it is none of ours. */
export function parseXml(text: string, bounds: XmlBounds): Element | XmlFault {
  if (text.length > bounds.chars) return { why: `is longer than ${bounds.chars} characters`, line: 1 }
  const parser = new SaxesParser()
  const open: Open[] = []
  let root: Element | undefined
  const faults: XmlFault[] = []
  let elements = 0
  const fail = (why: string) => void faults.push({ why, line: parser.line })
  parser.on('error', ({ message }) => fail(message.replace(/^\d+:\d+: /, '').slice(0, 200)))
  parser.on('doctype', () => fail('has a document type'))
  parser.on('opentag', ({ name, attributes }) => {
    elements += 1
    if (open.length >= bounds.depth) fail(`is nested deeper than ${bounds.depth}`)
    if (elements > bounds.elements) fail(`has more than ${bounds.elements} elements`)
    if (faults.length === 0) open.push({ name, attributes: { ...attributes }, children: [], text: '' })
  })
  const take = (part: string) => {
    const last = open.at(-1)
    if (last !== undefined) last.text += part
  }
  parser.on('text', take)
  parser.on('cdata', take)
  parser.on('closetag', () => {
    const closed = open.pop()
    if (closed === undefined) return
    const element = { ...closed, text: closed.text.trim() }
    const parent = open.at(-1)
    if (parent === undefined) root ??= element
    else parent.children.push(element)
  })
  // In pieces, so that a fault ends the work early.
  for (let at = 0; at < text.length && faults.length === 0; at += piece)
    parser.write(text.slice(at, at + piece))
  if (faults.length === 0) parser.close()
  return faults[0] ?? root ?? { why: 'has no element', line: 1 }
}

const piece = 16_384

export const isXmlFault = (read: Element | XmlFault): read is XmlFault => 'why' in read

/** Children by name, whatever their prefix. */
export const all = (element: Element | undefined, name: string): readonly Element[] =>
  element?.children.filter((child) => local(child.name) === name) ?? []

/** The first descendant along a path of names. */
export const at = (element: Element | undefined, ...path: readonly string[]): Element | undefined =>
  path.reduce<Element | undefined>((here, name) => all(here, name)[0], element)

export const local = (name: string) => name.slice(name.indexOf(':') + 1)

type Attributes = Readonly<Record<string, string | number | undefined>>
export type Node = readonly [name: string, attributes: Attributes, ...within: readonly Within[]]
type Within = Node | string

/** Text of a document, indented, ending with a line break. Attributes without a value are left out. */
export const xmlText = (root: Node): string => `<?xml version="1.0" encoding="UTF-8"?>\n${written(root, '')}`

function written([name, attributes, ...within]: Node, indent: string): string {
  const said = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
    .join('')
  if (within.length === 0) return `${indent}<${name}${said}/>\n`
  if (within.every((part) => typeof part === 'string'))
    return `${indent}<${name}${said}>${within.map(escaped).join('')}</${name}>\n`
  const inner = within.map((part) =>
    typeof part === 'string' ? `${indent}  ${escaped(part)}\n` : written(part, `${indent}  `),
  )
  return `${indent}<${name}${said}>\n${inner.join('')}${indent}</${name}>\n`
}

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** What XML 1.0 cannot carry at all (control characters) is left out. */
// eslint-disable-next-line no-control-regex
const unspeakable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu

const escaped = (text: string) =>
  text.replace(unspeakable, '').replace(/[&<>"]/g, (mark) => marks[mark] ?? '')
