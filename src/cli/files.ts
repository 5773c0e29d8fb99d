/** Reads what people keep in files: YAML or JSON, several documents in one, folders of them, standard input. */

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { usage } from './arguments.ts'
import type { Context } from './command.ts'

export type Sheet = {
  /** `machines.yaml:2`: the file and which document in it. */
  readonly from: string
  readonly value: Record<string, unknown>
}

const isSheet = (name: string) => /\.(ya?ml|json)$/.test(name)

/** Sixteen times what one request may hold: folders of files are sent piece by piece. */
const largestFile = 16 * limits.bodyBytes

const whyOf = (error: unknown) =>
  isObject(error) && typeof error.code === 'string' ? error.code : error instanceof Error ? error.message : ''

async function pathsUnder(path: string): Promise<string[]> {
  if (path === '-' || !(await stat(path)).isDirectory()) return [path]
  const names = (await readdir(path, { recursive: true })).filter(isSheet)
  return names.toSorted().map((name) => join(path, name))
}

export async function textOf(stream: NodeJS.ReadStream): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of stream as AsyncIterable<Buffer | string>) {
    const piecemeal = typeof piece === 'string' ? Buffer.from(piece) : piece
    bytes += piecemeal.byteLength
    if (bytes > largestFile) throw new RangeError(`more than ${largestFile} bytes`)
    pieces.push(piecemeal)
  }
  return Buffer.concat(pieces).toString('utf8')
}

async function textAt(path: string, context: Context): Promise<string> {
  if (path === '-') return textOf(context.world.stdin)
  const { size } = await stat(path)
  if (size > largestFile) throw new RangeError(`more than ${largestFile} bytes`)
  return readFile(path, 'utf8')
}

async function sheetsIn(path: string, text: string, context: Context): Promise<Sheet[]> {
  const { parseAllDocuments } = await import('yaml')
  const { language } = context.options
  // Aliases that multiply (“billion laughs”) are bounded by maxAliasCount.
  const documents = parseAllDocuments(text, { uniqueKeys: true })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document, at) => {
    const from = documents.length > 1 ? `${path}:${at + 1}` : path
    const [error] = document.errors
    if (error !== undefined) throw usage(language, 'file-unreadable', { path: from, why: error.message })
    const value: unknown = document.toJS({ maxAliasCount: 100 })
    if (value === null || value === undefined) return []
    const values = Array.isArray(value) ? value : [value]
    return values.map((one: unknown, index) => {
      const place = Array.isArray(value) ? `${from}[${index}]` : from
      if (!isObject(one)) throw usage(language, 'file-shape', { path: place, why: typeof one })
      return { from: place, value: one }
    })
  })
}

/** Every object in the files, in order. Problem `usage/unknown` naming the file that cannot be read. */
export async function documentsFrom(paths: readonly string[], context: Context): Promise<Sheet[]> {
  const sheets: Sheet[] = []
  for (const path of paths) {
    const files = await readable(path, context, () => pathsUnder(path))
    for (const file of files) {
      const text = await readable(file, context, () => textAt(file, context))
      sheets.push(...(await readable(file, context, () => sheetsIn(file, text, context))))
    }
  }
  return sheets
}

/** The text of one file; problem `usage/unknown` naming it when it cannot be read. */
export const fileText = (path: string, context: Context): Promise<string> =>
  readable(path, context, () => textAt(path, context))

async function readable<T>(path: string, context: Context, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Error && error.name === 'Problem') throw error
    throw usage(context.options.language, 'file-unreadable', { path, why: whyOf(error) })
  }
}
