/**
 * `npm test`: installs what the tests need, then runs them all; `npm test -- PATTERN` those whose path,
 * or else whose title, holds the pattern.
 */

import { readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { checkout, ensureDependencies } from './setup/dependencies.mjs'
import { ensureSystem } from './setup/debian.mjs'
import { becomeReachable } from './setup/reach.mjs'
import { Failure, honestly } from './setup/say.mjs'

const folders = ['src', 'tools', 'test']

/**
 * @param {string} folder
 * @returns {string[]}
 */
const testsIn = (folder) =>
  readdirSync(join(checkout, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return testsIn(path)
    return /\.test\.tsx?$/.test(entry.name) ? [path] : []
  })

/** @param {string | undefined} pattern */
function chosen(pattern) {
  const all = folders.flatMap(testsIn).sort()
  if (all.length === 0) throw new Failure('There are no tests here.', 'Run this in a whole checkout.')
  if (pattern === undefined) return all
  const some = all.filter((path) => path.includes(pattern))
  return some.length > 0 ? some : ['--test-name-pattern', pattern, ...all]
}

await honestly(async () => {
  const [pattern, ...others] = process.argv.slice(2)
  await ensureDependencies()
  await ensureSystem()
  // Tests wait for guests more than they compute, but guests compute: one file a processor.
  const concurrency = `--test-concurrency=${Math.max(1, Math.min(4, cpus().length))}`
  return becomeReachable(['--test', concurrency, ...others, ...chosen(pattern)])
})
