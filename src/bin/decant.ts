/** The command line as a program: the terminal and the process around `cli/main.ts`. */

import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'

// Compiled code is kept beside the code, not in a folder that others can write to.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/compile', import.meta.url)))

const [{ main }, { localCommands }] = await Promise.all([
  import('#cli/main.ts'),
  import('./local/registry.ts'),
])

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort())
process.once('SIGTERM', () => interrupt.abort())
// `decant machine list | head`: whoever reads has seen enough.
process.stdout.on('error', () => process.exit(0))

const world = {
  env: process.env,
  isRoot: process.getuid?.() === 0,
  home: homedir(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  nowMs: () => Date.now(),
  interrupted: interrupt.signal,
}

// A command that waits for nothing but the clock, whose timers keep nobody alive, waits all the same.
const awake = setInterval(() => {}, 3_600_000)
process.exitCode = await main(process.argv.slice(2), world, localCommands)
clearInterval(awake)
