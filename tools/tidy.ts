/** Checks what the compiler cannot: which layer may import which, sizes, names, bans in pure code. */

import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * A file may import from its own layer and from those above it in this list, but for the pairs in
 * `apart`. This table is the architecture: ARCHITECTURE.md quotes it, and a test keeps the quote true.
 */
export const layers: readonly (readonly [name: string, files: RegExp, may: string])[] = [
  ['base', /^src\/base\//, 'compute'],
  ['model', /^src\/model\//, 'say what a kind, a plan, a problem is'],
  [
    'schema',
    /^src\/kinds\/([^/]+\/(schema|spec|verbs|names|parts|first-boot|catalogue)|registry)\.ts$/,
    'declare kinds',
  ],
  [
    'decision',
    /^src\/(engines\/|kinds\/histories\.ts$|kinds\/[^/]+\/(plan|observed|body|changes|report|foresee|telling|history)(-\w+)?\.ts$)/,
    'decide, purely',
  ],
  ['port', /^src\/drivers\/[^/]+\/(port(-\w+)?|contract(-\w+)?)\.ts$/, 'say what we need of the world'],
  ['ground', /^src\/drivers\/ground\//, 'hold what several drivers stand on'],
  ['hands', /^src\/kinds\/[^/]+\/(observe|execute)(-\w+)?\.ts$/, 'look and carry out through ports'],
  ['driver', /^src\/drivers\//, 'touch the world'],
  ['runtime', /^src\/runtime\//, 'loop, retry, watch'],
  ['program', /^src\/program\//, 'join planners, runtime and ports'],
  ['client', /^src\/client\//, 'call the API'],
  ['cli', /^src\/cli\//, 'present to a terminal'],
  ['console', /^src\/console\//, 'present to a browser'],
  ['api', /^src\/api\//, 'present over HTTP'],
  ['sim', /^src\/sim\//, 'be the world'],
  ['bin', /^src\/bin\//, 'wire'],
]

/** Exceptions to the order: the first may not import the second. */
export const apart: readonly (readonly [string, string])[] = [
  ['port', 'decision'],
  ['ground', 'decision'],
  ['hands', 'ground'],
  ['driver', 'decision'],
  ['driver', 'hands'],
  ['runtime', 'schema'],
  ['runtime', 'decision'],
  ['runtime', 'hands'],
  ['runtime', 'driver'],
  ['runtime', 'ground'],
  ['program', 'driver'],
  ['program', 'ground'],
  ...['client', 'cli', 'console'].flatMap((surface) =>
    ['decision', 'port', 'ground', 'hands', 'driver', 'runtime', 'program', 'api'].map(
      (layer) => [surface, layer] as const,
    ),
  ),
  ['console', 'cli'],
  ['api', 'driver'],
  ['api', 'ground'],
  ['api', 'hands'],
  ['api', 'cli'],
  ['api', 'console'],
  ['sim', 'cli'],
  ['sim', 'console'],
]

const longestFile = 400
const drawers = /(^|[/_.-])(utils?|helpers?|common|misc|manager|service|handler|types|impl)([/_.-]|$)/i
const pure =
  /^src\/(base\/|model\/|engines\/|kinds\/[^/]+\/(schema|spec|verbs|names|parts|first-boot|catalogue|(plan|observed|body|changes|report|foresee|telling|history)(-\w+)?)\.ts$)/
const impure = /\b(Date\.now|new Date|Math\.random|crypto\.|process\.|performance\.now|setTimeout|async )/

const imports = /(?:from|import\() ?'([#.][^']+)'/g

const rankOf = (path: string) => layers.findIndex(([, files]) => files.test(path))
const nameOf = (rank: number) => layers[rank]?.[0] ?? 'no layer'

const targetOf = (path: string, specifier: string) =>
  specifier.startsWith('#') ? `src/${specifier.slice(1)}` : join(dirname(path), specifier)

const folderOf = (path: string) => path.split('/').slice(0, 4).join('/')

/** Why one import is not allowed, or nothing. */
export function importFault(path: string, target: string): string | undefined {
  const [from, to] = [rankOf(path), rankOf(target)]
  const parted = apart.some(([a, b]) => a === nameOf(from) && b === nameOf(to))
  const isOtherDriver =
    nameOf(from) === 'driver' && nameOf(to) === 'driver' && folderOf(path) !== folderOf(target)
  const legal = from >= 0 && to >= 0 && to <= from && !parted && !isOtherDriver
  return legal ? undefined : `${path}: ${nameOf(from)} may not import ${target} (${nameOf(to)})`
}

/** Everything wrong with one source file. */
export function faultsOf(path: string, text: string): string[] {
  const faults = Array.from(text.matchAll(imports), ([, specifier = '']) =>
    importFault(path, targetOf(path, specifier)),
  ).filter((fault) => fault !== undefined)
  const lines = text.split('\n')
  if (lines.length > longestFile && !path.endsWith('.gen.ts')) {
    faults.push(`${path}: ${lines.length} lines, at most ${longestFile}`)
  }
  if (drawers.test(path)) faults.push(`${path}: the name says nothing; name the subject`)
  if (!text.startsWith('/**') && !text.startsWith('#!'))
    faults.push(`${path}: no head that says what it owns`)
  if (pure.test(path)) {
    for (const [index, line] of lines.entries()) {
      if (impure.test(line.replace(/\/\/.*|^\s*\*.*|\/\*.*\*\//, '')))
        faults.push(`${path}:${index + 1}: impure: ${line.trim()}`)
    }
  }
  return faults
}

export const sources = () =>
  globSync('src/**/*.{ts,tsx}')
    .filter((path) => !/\.test\.tsx?$/.test(path))
    .toSorted()

/** The table above as Markdown, as ARCHITECTURE.md quotes it. */
export function layerTable(): string {
  const rows = layers.map(([name, files, may]) => {
    const forbidden = apart.filter(([from]) => from === name).map(([, to]) => to)
    const pattern = files.source.replaceAll('\\/', '/').replaceAll('|', '\\|')
    return `| ${name} | \`${pattern}\` | ${may} | ${forbidden.join(', ')} |`
  })
  return ['| layer | files | may | never imports |', '|---|---|---|---|', ...rows, ''].join('\n')
}

if (import.meta.main && process.argv.includes('--table')) {
  process.stdout.write(layerTable())
} else if (import.meta.main) {
  const faults = sources().flatMap((path) => faultsOf(path, readFileSync(path, 'utf8')))
  console.log(faults.join('\n') || `tidy: ${sources().length} files`)
  process.exitCode = faults.length > 0 ? 1 : 0
}
