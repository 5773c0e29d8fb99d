/** Runs a program of the host with an argument list, never a shell, bounded in time and in what it says. */

import { spawn } from 'node:child_process'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'

/** The Debian package of each program that is run here. */
const packages: Readonly<Record<string, string>> = {
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'qemu-img': 'qemu-utils',
  bwrap: 'bubblewrap',
  prlimit: 'util-linux',
}

const complaintBytes = 8192
/** The longest answer that any tool here gives is the applet list of busybox, 3 KiB. */
const answerBytes = 1_048_576

export type Run = {
  readonly signal: AbortSignal
  /** Folder to run in; the program's temporary files go there too. */
  readonly folder: string
  readonly timeoutMs?: number
  /** What to call the program in a problem, when `argv` wraps it in another. */
  readonly as?: string
}

/**
 * What the program wrote, once it ended well. Problems `tool/missing` and `tool/failed`; the signal and the
 * time limit kill it.
 */
export async function runTool(tool: string, argv: readonly string[], run: Run): Promise<string> {
  const { signal, folder, timeoutMs = 300_000, as = tool } = run
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  signal.throwIfAborted()
  const { ended, answer, complaint } = await result(tool, argv, folder, limit)
  signal.throwIfAborted()
  if (ended instanceof Error) {
    const isMissing = (ended as NodeJS.ErrnoException).code === 'ENOENT'
    if (isMissing) throw new Problem('tool/missing', { tool, package: packages[tool] ?? tool })
    throw new Problem('tool/failed', { tool: as, why: ended.message }, { cause: ended })
  }
  const why = limit.aborted ? `it took longer than ${timeoutMs / 1000} seconds` : lastLine(complaint)
  if (ended !== 0) throw new Problem('tool/failed', { tool: as, why: why || `it ended with ${ended}` })
  return answer
}

const lastLine = (text: string) => inert(text.trim().split('\n').at(-1) ?? '').slice(0, 300)

async function result(tool: string, argv: readonly string[], cwd: string, limit: AbortSignal) {
  const child = spawn(tool, argv, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...proxies(), PATH: path(), LC_ALL: 'C', TMPDIR: cwd, DEBIAN_FRONTEND: 'noninteractive' },
  })
  const kill = () => child.kill('SIGKILL')
  limit.addEventListener('abort', kill, { once: true })
  let [answer, complaint] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    answer = (answer + text).slice(0, answerBytes)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintBytes)
  })
  const ended = await new Promise<number | string | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code, by) => resolve(code ?? by ?? 'killed'))
  })
  limit.removeEventListener('abort', kill)
  return { ended, answer, complaint }
}

/** How this host reaches Debian's mirrors, where that is said by the environment. */
const proxies = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|no|ftp)_proxy$/i.test(name)))

/** mke2fs and debugfs live where an ordinary user's PATH may not look. */
const path = () => `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`
