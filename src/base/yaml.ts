/** YAML that strangers write, as YAML 1.1 has it: one document, bounded in depth and aliases, and where each value stands. */

import {
  isCollection,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml'

export type YamlPath = readonly (string | number)[]
export type YamlText = { readonly value: unknown; readonly lineOf: (path: YamlPath) => number }
export type YamlFault = { readonly why: string; readonly line: number }

const mostDepth = 64
const mostAliases = 100

/** The value, or why the text is none. */
export function yamlFrom(text: string): YamlText | YamlFault {
  const deepLine = tooDeepAt(text)
  if (deepLine !== undefined) return { why: 'it is nested too deeply', line: deepLine }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.1',
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
    // The library compares each key with each: ten thousand would hold up everybody for seconds.
    uniqueKeys: false,
  })
  const [error] = document.errors
  if (error !== undefined) return { why: error.message.slice(0, 200), line: lines.linePos(error.pos[0]).line }
  const twice = keyTwiceIn(document)
  if (twice !== undefined)
    return { why: 'Map keys must be unique', line: lines.linePos(twice.range?.[0] ?? 0).line }
  const read = valueOf(document)
  if ('why' in read) return { ...read, line: 1 }
  return { value: read.value, lineOf: (path) => lineAt(document, lines, path) }
}

/** The first key of a mapping that was there before; a merge may come several times. */
function keyTwiceIn(document: Document): Node | undefined {
  let found: Node | undefined
  visit(document, {
    Map: (_, { items }) => {
      const known = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key) || key.value === '<<') continue
        if (known.has(key.value)) found ??= key
        known.add(key.value)
      }
      return found === undefined ? undefined : visit.BREAK
    },
  })
  return found
}

/** The library throws where aliases multiply, and where a merge is none. */
function valueOf(document: Document): { readonly value: unknown } | { readonly why: string } {
  try {
    return { value: document.toJS({ maxAliasCount: mostAliases }) }
  } catch (cause) {
    return { why: cause instanceof Error ? cause.message.slice(0, 200) : 'it cannot be read' }
  }
}

/**
 * What a parser would have to go into, counted without one: opened brackets, and dashes or question marks in a row.
 * Brackets in texts count as well; no honest text opens so many and closes none.
 */
function tooDeepAt(text: string): number | undefined {
  let open = 0
  let indents: number[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const lead = /^(\s*)((?:[-?] +)*)/.exec(line)
    const marks = (lead?.[2] ?? '').split(/ +/).length - 1
    const indent = lead?.[1]?.length ?? 0
    if (line.trim() !== '') indents = [...indents.filter((one) => one < indent), indent]
    for (const mark of line) open += mark === '[' || mark === '{' ? 1 : mark === ']' || mark === '}' ? -1 : 0
    if (open > mostDepth || marks > 8 || indents.length > mostDepth) return at + 1
    open = Math.max(0, open)
  }
  return undefined
}

/** Of the value itself, or of the nearest that is there. */
function lineAt(document: Document, lines: LineCounter, path: YamlPath): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = isCollection(document.contents)
      ? document.getIn(path.slice(0, length), true)
      : undefined
    const start = isNode(node) ? (node as Node).range?.[0] : undefined
    if (start !== undefined) return lines.linePos(start).line
  }
  return 1
}
