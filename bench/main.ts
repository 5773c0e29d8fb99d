/**
 * `npm run bench -- NAME [--rounds N] [--seconds N] [--folder DIR] [--format json|table]`: one figure, measured
 * now beside what a user would pick instead. A peer that is missing fails; nothing stored is ever printed.
 */

import { globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isObject } from '#base/json.ts'

export type BenchOptions = {
  /** How often the peers take turns. */
  readonly rounds: number
  /** How long one turn lasts, where that is not given by the work. */
  readonly seconds: number
  /** Where files are written: the disk that is measured. */
  readonly folder: string
}

export type Bench = {
  readonly name: string
  readonly summary: string
  readonly run: (options: BenchOptions) => Promise<unknown>
}

const isBench = (value: unknown): value is Bench =>
  isObject(value) && typeof value.name === 'string' && typeof value.run === 'function'

/** Every file beside this one that exports a bench. */
async function benches(): Promise<Bench[]> {
  const files = globSync('*.ts', { cwd: fileURLToPath(new URL('.', import.meta.url)) }).toSorted()
  const modules = await Promise.all(
    files
      .filter((file) => file !== 'main.ts')
      .map((file) => import(`./${file}`) as Promise<{ bench?: unknown }>),
  )
  return modules.map(({ bench }) => bench).filter(isBench)
}

/** Dotted paths and their values, one a line. */
function rows(value: unknown, path = ''): [path: string, value: string][] {
  if (Array.isArray(value)) return value.flatMap((item, at) => rows(item, `${path}[${at}]`))
  if (!isObject(value)) return [[path, String(value)]]
  return Object.entries(value).flatMap(([name, inner]) => rows(inner, path === '' ? name : `${path}.${name}`))
}

function print(result: unknown, format: string) {
  if (format === 'json') return console.log(JSON.stringify(result, undefined, 2))
  const table = rows(result)
  const width = Math.max(...table.map(([path]) => path.length))
  for (const [path, value] of table) console.log(`${path.padEnd(width)}  ${value}`)
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    format: { type: 'string', default: 'table' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
  },
})
const [name] = positionals
const all = await benches()
const wanted = all.find((bench) => bench.name === name)
if (name === undefined) for (const bench of all) console.log(`${bench.name.padEnd(14)} ${bench.summary}`)
else if (wanted === undefined) {
  console.error(`There is no bench ${name}; there are: ${all.map((bench) => bench.name).join(', ')}`)
  process.exitCode = 2
} else {
  const { rounds, seconds, folder, format } = values
  print(await wanted.run({ rounds: Number(rounds), seconds: Number(seconds), folder }), format)
}
