/** Runs a program of the host with an argument list, never a shell, and says plainly why it failed. */

import { spawn } from 'node:child_process'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'

/** The Debian package of each program that is run here. */
export const packages: Readonly<Record<string, string>> = {
  'qemu-img': 'qemu-utils',
  'qemu-storage-daemon': 'qemu-system-common',
  cp: 'coreutils',
}

/** What is kept of a program's complaints. */
const complaintBytes = 4096

/** Resolves when the program ends well. Problems `tool/missing`, `tool/failed`; the signal kills it. */
export async function runTool(tool: string, argv: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const child = spawn(tool, argv, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' },
  })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintBytes)
  })
  const ended = await new Promise<number | string | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code, by) => resolve(code ?? by ?? 'killed'))
  })
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  if (ended instanceof Error)
    throw new Problem('tool/missing', { tool, package: packages[tool] ?? tool }, { cause: ended })
  if (ended !== 0) {
    const why = inert(complaint.trim().split('\n').at(-1) ?? '').slice(0, 300) || `it ended with ${ended}`
    throw new Problem('tool/failed', { tool, why })
  }
}
