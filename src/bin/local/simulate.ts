/** `decant simulate HOSTS,MACHINES`: `npm start` against simulated hosts, without going through npm. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Context } from '#cli/command.ts'
import { usage } from '#cli/arguments.ts'
import { checkout } from './systemd.ts'

export async function run(argv: readonly string[], context: Context): Promise<number> {
  const [size, ...settings] = argv
  if (size === undefined) throw usage(context.options.language, 'operand-missing', { what: 'HOSTS,MACHINES' })
  const start = [join(checkout, 'src/bin/start.ts'), `--simulate=${size}`, ...settings]
  const child = spawn(process.execPath, start, { stdio: 'inherit' })
  // The terminal tells it of Ctrl-C by itself; it ends in its own time.
  context.world.interrupted.addEventListener('abort', () => child.kill('SIGTERM'))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}
