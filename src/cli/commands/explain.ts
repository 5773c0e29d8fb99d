/** `decant explain KIND[.FIELD]`: what a kind or a field is, from its schema. Needs no server. */

import type { Kind } from '#model/kind.ts'
import { kinds } from '#kinds/registry.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { titleOf } from '../describe.ts'
import { nearest } from '../nearest.ts'
import { kindCalled } from '../nouns/command.ts'
import { fieldFlagsOf } from '../nouns/wishing.ts'
import { plain, schemaAt, schemaOf, typeText, type Schema } from '../schema.ts'
import { sheetLines, type Entry } from '../table.ts'

const wordsOf = (schema: Schema) => schema.description ?? schema.title ?? ''

const fieldEntries = (schema: Schema): Entry[] => {
  const { schema: here } = plain(schema)
  const fields = here.properties ?? here.items?.properties ?? {}
  return Object.entries(fields).map(([name, field]): Entry => {
    const type = `(${typeText(field)})`
    return [name, [wordsOf(field), type].filter((text) => text !== '').join(' ')]
  })
}

function section(title: string, lines: readonly string[], context: Context) {
  if (lines.length === 0) return
  context.paper.line(`\n${context.paper.paint('bold', title)}`)
  for (const line of lines) context.paper.line(line)
}

function explainKind(kind: Kind, context: Context) {
  const { paper } = context
  const { language } = context.options
  paper.line(`${paper.paint('bold', kind.name)} (${kind.title[language]}): ${kind.summary}`)
  const flat = (acts: Readonly<Record<string, { readonly summary: string }>>): Entry[] =>
    Object.entries(acts).map(([name, { summary }]) => [name, summary])
  section('spec', sheetLines(fieldEntries(schemaOf(kind.spec)), '  '), context)
  section('status', sheetLines(fieldEntries(schemaOf(kind.status)), '  '), context)
  const acts = [...flat(kind.verbs), ...flat(kind.signals), ...flat(kind.looks)]
  section(paper.text('help-actions'), sheetLines(acts, '  '), context)
}

function unknownField(kind: Kind, path: readonly string[], context: Context) {
  const { language } = context.options
  const names = Object.keys(schemaOf(kind.spec).properties ?? {})
  const command = `explain ${kind.name}.${path.join('.')}`
  const near = nearest(path.at(-1) ?? '', names)
  return near === undefined
    ? usage(language, 'command-unknown', { command })
    : usage(language, 'command-nearest', { command, near: `explain ${kind.name}.${near}` })
}

function explainField(kind: Kind, path: readonly string[], context: Context) {
  const { paper } = context
  const [first, ...rest] = path
  const isStatus = first === 'status'
  const from = isStatus ? kind.status : kind.spec
  const within = isStatus || first === 'spec' ? rest : path
  const field = schemaAt(schemaOf(from), within)
  if (field === undefined) throw unknownField(kind, path, context)
  const dotted = within.join('.')
  const flag = isStatus ? undefined : fieldFlagsOf(kind).find(({ path }) => path === dotted)
  const entries: Entry[] = [
    ['type', typeText(field)],
    ...(field.default === undefined ? [] : [['default', JSON.stringify(field.default)] as const]),
    ...(flag === undefined
      ? []
      : [['flag', `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`] as const]),
    ...(kind.fixed.includes(dotted) ? [['fixed', 'stays as it was created'] as const] : []),
    ...(kind.references[dotted] === undefined ? [] : [['names', `a ${kind.references[dotted]}`] as const]),
  ]
  const title = field.title ?? titleOf(within.at(-1) ?? '')
  paper.line(
    `${paper.paint('bold', `${kind.name}.${path.join('.')}`)} (${title}): ${field.description ?? ''}`.trimEnd(),
  )
  for (const line of sheetLines(entries, '  ')) paper.line(line)
  section('fields', sheetLines(fieldEntries(field), '  '), context)
}

export async function explain(args: Arguments, context: Context): Promise<number> {
  const { language } = context.options
  const [word = '', ...path] = onlyOperand(args, 'KIND', language).split('.')
  const kind = kindCalled(word)
  if (kind === undefined) {
    const command = `explain ${word}`
    const near = nearest(
      word,
      kinds.map(({ name }) => name),
    )
    if (near === undefined) throw usage(language, 'command-unknown', { command })
    throw usage(language, 'command-nearest', { command, near: `explain ${near}` })
  }
  if (context.options.format !== 'table') {
    const field =
      path.length === 0
        ? { spec: schemaOf(kind.spec), status: schemaOf(kind.status) }
        : schemaAt(schemaOf(kind.spec), path)
    if (field === undefined) throw unknownField(kind, path, context)
    await context.paper.data(field)
  } else if (path.length === 0) explainKind(kind, context)
  else explainField(kind, path, context)
  return 0
}
