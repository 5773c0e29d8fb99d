/** Writes the generated pages of the reference; with `--check` says which are stale and changes nothing. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { kinds } from '#kinds/registry.ts'
import { pages, referencePage } from '#api/reference.ts'
import { routesOf } from '#api/routes.ts'
import { Bug } from '#base/assert.ts'

const folder = 'docs/reference'

const routes = routesOf(() => {
  throw new Bug('a route was called while it was only described')
}, kinds)

const isCurrent = (file: string, text: string) => {
  try {
    return readFileSync(file, 'utf8') === text
  } catch {
    return false
  }
}

const stale = pages
  .map((page) => ({
    file: `${folder}/${page}.md`,
    text: `${referencePage(page, routes, kinds).trimEnd()}\n`,
  }))
  .filter(({ file, text }) => !isCurrent(file, text))

if (process.argv.includes('--check')) {
  for (const { file } of stale) console.error(`${file} is stale: run node tools/generate.ts`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  mkdirSync(folder, { recursive: true })
  for (const { file, text } of stale) writeFileSync(file, text)
  console.log(`generate: ${stale.length} of ${pages.length} pages written`)
}
