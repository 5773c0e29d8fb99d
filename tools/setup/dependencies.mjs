/**
 * Brings node_modules in line with package-lock.json, and knows the Node that the lock file names.
 * Plain JavaScript: it runs on Node 18 with npm 9 before anything is installed.
 */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capture } from './programs.mjs'
import { Failure, during } from './say.mjs'

export const checkout = fileURLToPath(new URL('../..', import.meta.url))

const tryAgain = 'Check the network and the disk, then run the same command again.'

const bin = join(checkout, 'node_modules', '.bin')

/** The Node of the lock file: it runs everything but the start-up scripts. */
export const lockedNode = join(checkout, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')

const ours = [bin, dirname(lockedNode)]

/** PATH with the tools of the checkout first, as npm itself sets it, on the Node that they need. */
export const pathWithin = () => [...ours, ...pathWithout()].join(':')

// npm itself must run on the machine's Node: the one of the lock file is replaced under its feet.
const pathWithout = () => (process.env.PATH ?? '').split(':').filter((folder) => !ours.includes(folder))

/** @param {string} file */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(checkout, file), 'utf8')).packages ?? {}
  } catch {
    return {}
  }
}

/**
 * Names of the packages that the lock file wants and node_modules has not, or has in another version. npm
 * keeps a lock file of what it installed; optional packages of other platforms are rightly absent.
 */
export function missingPackages(
  wanted = packagesOf('package-lock.json'),
  installed = packagesOf('node_modules/.package-lock.json'),
) {
  return Object.keys(wanted).filter((path) => {
    if (path === '') return false
    const have = installed[path]
    return have === undefined ? wanted[path].optional !== true : have.version !== wanted[path].version
  })
}

/** Installs what is missing; says so only when there is something to do. Fails with advice. */
export async function ensureDependencies() {
  const missing = missingPackages()
  if (missing.length === 0 && existsSync(lockedNode)) return
  const what = missing.length === 1 ? '1 npm package' : `${missing.length} npm packages`
  await during(`Installing ${what} into ${join(checkout, 'node_modules')}`, async () => {
    const { code, output } = await capture('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: checkout,
      env: { ...process.env, PATH: pathWithout().join(':') },
    })
    if (code !== 0) {
      throw new Failure(`npm could not install the packages:\n${output.trim()}`, tryAgain)
    }
  })
  if (!existsSync(lockedNode)) {
    throw new Failure(
      `npm did not install node-linux-${process.arch}, the Node that Decant runs on.`,
      'Decant runs on x64 and arm64 Linux. Check that npm may install optional packages: npm config get omit',
    )
  }
}

/**
 * Names of the packages for this platform that npm left out, because the machine's Node is too old for them:
 * parts of the tools that developers need.
 */
export const leftOut = (
  wanted = packagesOf('package-lock.json'),
  installed = packagesOf('node_modules/.package-lock.json'),
) =>
  Object.keys(wanted).filter((path) => {
    const { optional, os, cpu, libc = ['glibc'] } = wanted[path]
    const isForUs = os?.includes('linux') && cpu?.includes(process.arch) && libc.includes('glibc')
    return optional === true && isForUs && installed[path] === undefined
  })

/** Installs what was left out, by npm on the Node of the lock file. Fails with advice. */
export async function ensureTools() {
  const npm = process.env.npm_execpath
  if (leftOut().length === 0 || npm === undefined) return
  await during('Installing tools that the Node of this machine is too old for', async () => {
    const { code, output } = await capture(
      lockedNode,
      [npm, 'install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
      // Debian's npm finds its own parts beside itself.
      {
        cwd: checkout,
        env: { ...process.env, NODE_PATH: join(dirname(npm), '../..'), NODE_NO_WARNINGS: '1' },
      },
    )
    if (code !== 0) throw new Failure(`npm could not install them:\n${output.trim()}`, tryAgain)
  })
}
