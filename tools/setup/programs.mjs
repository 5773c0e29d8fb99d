/** Runs other programs, for the start-up scripts. Plain JavaScript for Node 18. */

import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants as system } from 'node:os'

// System folders that an ordinary user's PATH lacks on Debian.
const folders = () => [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']

/**
 * Whether a program can be run here, or a file with a whole path be read.
 *
 * @param {string} name
 */
export const isThere = (name) =>
  name.startsWith('/')
    ? isOpen(name, constants.R_OK)
    : folders().some((folder) => isOpen(join(folder, name), constants.X_OK))

/**
 * @param {string} path
 * @param {number} how
 */
function isOpen(path, how) {
  try {
    accessSync(path, how)
    return true
  } catch {
    return false
  }
}

/**
 * Runs a program to its end and gives all it wrote. `onLine` gets each line of its standard output.
 *
 * @param {string} program
 * @param {readonly string[]} argv
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, canAsk?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function capture(program, argv, { cwd, env, onLine, canAsk = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, argv, {
      cwd: cwd ?? process.cwd(),
      env: env ?? process.env,
      stdio: [canAsk ? 'inherit' : 'ignore', 'pipe', canAsk ? 'inherit' : 'pipe'],
    })
    const written = /** @type {string[]} */ ([])
    const keep = (/** @type {Buffer} */ bytes) => void written.push(bytes.toString())
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    let rest = ''
    child.stdout?.on('data', (/** @type {Buffer} */ bytes) => {
      const lines = (rest + bytes.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine?.(line)
    })
    child.on('error', (error) => resolve({ code: 127, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, output: written.join('') }))
  })
}

/** Who started us: npm's shell, and npm itself. They change when one of them is gone. */
function starters() {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8')
    // The name in parentheses may hold anything; state and parent follow the last one (proc_pid_stat(5)).
    return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]}`
  } catch {
    return 'gone'
  }
}

const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])

/**
 * Becomes, as nearly as Node can, another program: same terminal, signals passed on, its exit code. When
 * npm started us and npm is gone, the program is asked to end: it must not run on unseen.
 *
 * @param {string} program
 * @param {readonly string[]} argv
 * @param {{ env: NodeJS.ProcessEnv, isTethered?: boolean }} options Tethered: it is told, by the end of its
 *   message channel, when we die.
 * @returns {Promise<number>}
 */
export function become(program, argv, { env, isTethered = false }) {
  return new Promise((resolve, reject) => {
    const stdio = /** @type {('inherit' | 'ipc')[]} */ (['inherit', 'inherit', 'inherit'])
    const child = spawn(program, argv, { env, stdio: isTethered ? [...stdio, 'ipc'] : stdio })
    // From a terminal the child has the interrupt already: the whole group gets it.
    for (const signal of signals) {
      process.on(signal, () => {
        if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
      })
    }
    const npm = starters()
    const watch = setInterval(() => {
      if (starters() !== npm) child.kill('SIGTERM')
    }, 500)
    if (process.env.npm_lifecycle_event === undefined) clearInterval(watch)
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      resolve(code ?? 128 + (signal === null ? 1 : system.signals[signal]))
    })
  })
}
