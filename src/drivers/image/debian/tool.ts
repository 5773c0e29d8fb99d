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
  xz: 'xz-utils',
  getsubids: 'uidmap',
  newuidmap: 'uidmap',
  newgidmap: 'uidmap',
  cp: 'coreutils',
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
  /** Told what the program writes, as it comes. */
  readonly onAnswer?: (text: string) => void
}

/**
 * What the program wrote, once it ended well. Problems `tool/missing` and `tool/failed`; the signal and the
 * time limit kill it.
 */
export async function runTool(tool: string, argv: readonly string[], run: Run): Promise<string> {
  const { signal, folder, timeoutMs = 300_000, as = tool } = run
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  signal.throwIfAborted()
  const child = started(tool, argv, folder, limit)
  let answer = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    run.onAnswer?.(text)
    answer = (answer + text).slice(0, answerBytes)
  })
  await checkEnd(child, { tool, as, timeoutMs, signal, limit })
  return answer
}

/** What the program writes, piece by piece, no faster than it is taken; fails as `runTool` does at its end. */
export async function* streamTool(tool: string, argv: readonly string[], run: Run): AsyncGenerator<Buffer> {
  const { signal, folder, timeoutMs = 300_000, as = tool } = run
  const enough = new AbortController()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs), enough.signal])
  signal.throwIfAborted()
  const child = started(tool, argv, folder, limit)
  const end = checkEnd(child, { tool, as, timeoutMs, signal, limit })
  // Heard below; until then it must not count as unheard.
  end.catch(() => {})
  try {
    for await (const piece of child.stdout as AsyncIterable<Buffer>) yield piece
    await end
  } finally {
    enough.abort()
    await end.catch(() => {})
  }
}

type Bounds = Required<Pick<Run, 'signal' | 'timeoutMs' | 'as'>> & {
  readonly tool: string
  readonly limit: AbortSignal
}

async function checkEnd(child: Child, { tool, as, timeoutMs, signal, limit }: Bounds): Promise<void> {
  const { ended, complaint } = await child.end
  signal.throwIfAborted()
  if (ended instanceof Error) {
    const isMissing = (ended as NodeJS.ErrnoException).code === 'ENOENT'
    if (isMissing) throw new Problem('tool/missing', { tool, package: packages[tool] ?? tool })
    throw new Problem('tool/failed', { tool: as, why: ended.message }, { cause: ended })
  }
  const why = limit.aborted ? `it took longer than ${timeoutMs / 1000} seconds` : lastLine(complaint)
  if (ended !== 0) throw new Problem('tool/failed', { tool: as, why: why || `it ended with ${ended}` })
}

const lastLine = (text: string) => inert(text.trim().split('\n').at(-1) ?? '').slice(0, 300)

type Child = ReturnType<typeof started>

function started(tool: string, argv: readonly string[], cwd: string, limit: AbortSignal) {
  const child = spawn(tool, argv, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...proxies(), PATH: path(), LC_ALL: 'C', TMPDIR: cwd, DEBIAN_FRONTEND: 'noninteractive' },
  })
  const kill = () => child.kill('SIGKILL')
  limit.addEventListener('abort', kill, { once: true })
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintBytes)
  })
  const end = new Promise<number | string | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code, by) => resolve(code ?? by ?? 'killed'))
  }).then((ended) => {
    limit.removeEventListener('abort', kill)
    return { ended, complaint }
  })
  return { stdout: child.stdout, end }
}

/** How this host reaches Debian's mirrors, where that is said by the environment. */
const proxies = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(https?|no|ftp)_proxy$/i.test(name)))

/** mke2fs and debugfs live where an ordinary user's PATH may not look. */
const path = () => `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`
