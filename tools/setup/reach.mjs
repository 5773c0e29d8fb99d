/**
 * Lets tests become other users also where the checkout lies in a folder that is closed to them, such as
 * root's home: it is shown at an open place too, in a mount namespace of the tests' own. Plain JavaScript
 * for Node 18.
 */

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { checkout, lockedNode, pathWithin } from './dependencies.mjs'
import { become } from './programs.mjs'

/** @param {string[]} words */
const succeeds = ([program = '', ...argv]) => spawnSync(program, argv, { stdio: 'ignore' }).status === 0

/** A user whom nobody knows. */
const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
const apart = ['unshare', '--mount', '--propagation', 'private', '--']
const script = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"'

const isClosed = () =>
  process.getuid?.() === 0 && !succeeds([...nobody, 'test', '-x', lockedNode]) && succeeds([...apart, 'true'])

/**
 * Becomes the lock file's Node in the checkout, at a place that every user can reach where that is possible.
 *
 * @param {readonly string[]} argv Paths in it are relative to the checkout.
 * @returns {Promise<number>}
 */
export async function becomeReachable(argv) {
  process.chdir(checkout)
  const env = { ...process.env, PATH: pathWithin() }
  if (!isClosed()) return become(lockedNode, argv, { env })
  const place = mkdtempSync(join(tmpdir(), 'decant-open-'))
  chmodSync(place, 0o755)
  const node = join(place, relative(checkout, lockedNode))
  const [program = '', ...before] = [...apart, 'sh', '-c', script, 'sh', checkout, place, node]
  try {
    return await become(program, [...before, ...argv], { env })
  } finally {
    rmdirSync(place)
  }
}
