/**
 * XML in and out, for texts that strangers write: well-formed or refused, bounded in size, depth and count, no document
 * type and therefore no entities of its own. Names are local: what stands before a colon is resolved, then dropped.
 */

import { SaxesParser } from 'saxes'

export type XmlElement = {
  readonly name: string
  /** Address of its namespace; empty: none. */
  readonly namespace: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** Its own text, without that of its children, trimmed. */
  readonly text: string
}

type Growing = {
  readonly name: string
  readonly namespace: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: XmlElement[]
  text: string
}

export type XmlBounds = { readonly chars: number; readonly depth: number; readonly elements: number }

const usual: XmlBounds = { chars: 1_048_576, depth: 32, elements: 20_000 }

/** Few, for a tag costs as much as it is deep: what is refused for its depth must not get much deeper first. */
const pieceChars = 1024
const attributesAtMost = 256

/** The root element, or why the text is refused. */
export function xmlFrom(text: string, bounds: XmlBounds = usual): XmlElement | { readonly why: string } {
  if (text.length > bounds.chars) return { why: `the XML is longer than ${bounds.chars} characters` }
  const around: Growing[] = []
  let root: XmlElement | undefined
  let why: string | undefined
  let elements = 0
  let pending = 0
  const refuse = (reason: string) => (why ??= reason)
  const parser = new SaxesParser({ xmlns: true })
  parser.on('error', ({ message }) => refuse(`the XML is not well-formed (${message.slice(0, 120)})`))
  parser.on('doctype', () => refuse('the XML has a document type (DOCTYPE)'))
  parser.on('attribute', () => {
    pending += 1
    if (pending > attributesAtMost)
      refuse(`the XML has an element with more than ${attributesAtMost} attributes`)
  })
  parser.on('opentag', ({ local, uri, attributes }) => {
    elements += 1
    pending = 0
    if (elements > bounds.elements) refuse(`the XML has more than ${bounds.elements} elements`)
    if (around.length >= bounds.depth) refuse(`the XML is deeper than ${bounds.depth} elements`)
    if (why !== undefined) return
    const named = Object.values(attributes).map(({ local: name, value }) => [name, value] as const)
    around.push({ name: local, namespace: uri, attributes: new Map(named), children: [], text: '' })
  })
  const addText = (more: string) => {
    const inner = around.at(-1)
    if (inner !== undefined) inner.text += more
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const done = around.pop()
    if (done === undefined) return
    const element = { ...done, text: done.text.trim() }
    const outer = around.at(-1)
    if (outer === undefined) root = element
    else outer.children.push(element)
  })
  // In pieces: after the first fault nothing more is read.
  for (let at = 0; at < text.length; at += pieceChars) {
    parser.write(text.slice(at, at + pieceChars))
    if (why !== undefined) break
  }
  if (why === undefined) parser.close()
  if (why !== undefined) return { why }
  return root ?? { why: 'the XML is empty' }
}

export const childrenOf = (element: XmlElement | undefined, name: string): readonly XmlElement[] =>
  element?.children.filter((child) => child.name === name) ?? []

export const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((child) => child.name === name)

const marks: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
// What XML 1.0 has no place for (§2.2), line ends of attributes aside.
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu

export const escapeXml = (text: string) =>
  text.replaceAll(forbidden, '\ufffd').replaceAll(/[&<>"']/g, (mark) => marks[mark] ?? mark)

/** An element to be written: name with prefix, attributes, and either a text or elements. */
export type XmlNode = {
  readonly name: string
  readonly attributes?: Readonly<Record<string, string | number | undefined>>
  readonly text?: string | number
  readonly children?: readonly XmlNode[]
}

/** With two spaces a level; attributes that are undefined are left out. */
export function xmlText({ name, attributes = {}, text, children = [] }: XmlNode, indent = ''): string {
  const pairs = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`)
    .join('')
  if (text !== undefined) return `${indent}<${name}${pairs}>${escapeXml(String(text))}</${name}>\n`
  if (children.length === 0) return `${indent}<${name}${pairs}/>\n`
  const inner = children.map((child) => xmlText(child, `${indent}  `)).join('')
  return `${indent}<${name}${pairs}>\n${inner}${indent}</${name}>\n`
}
