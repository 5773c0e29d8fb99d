/**
 * Where a Debian is put together: a jail in which its packages' scripts are root over 65,536 users of their own, and over
 * nothing else. They see the host's programs, a work folder and the kept packages; the network, for the packages.
 *
 * Root gives the jail a range of uids that no account has; an ordinary user gives its own uid and the range that
 * /etc/subuid allots, by newuidmap.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import { isRoot } from '../jail.ts'
import { runTool } from '../tool.ts'

/** In the range from 1879048192 to 2147352575 that systemd's list of uids leaves free; guests' are below. */
export const roomUid = 2_147_000_000
const uidCount = 65_536
const complaintBytes = 65_536

export type Room = {
  /** Folder of the host that is seen inside as `/work`. */
  readonly work: string
  /** Folder of the host that is seen inside as `/packages`. */
  readonly packages: string
  readonly signal: AbortSignal
  readonly environment: Readonly<Record<string, string>>
}

export type Task = {
  readonly tool: string
  readonly argv: readonly string[]
  /** The Debian package of the program. */
  readonly package: string
  readonly timeoutMs: number
  /** The most that any file may grow to. */
  readonly fileBytes: number
  /** Told each line that the program writes to its standard error. */
  readonly onLine?: (line: string) => void
}

const seen = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'group',
  'hosts',
  'ld.so.cache',
  'mke2fs.conf',
  'nsswitch.conf',
  'passwd',
  'perl',
  'resolv.conf',
  'ssl',
]

const words = (text: string) => text.split(' ')

/**
 * Folders above the work may be closed to the jail's users: root shows them the two that they need, in a mount namespace,
 * then becomes the jail without a process between: one of other rights could not hand our death on (prctl(2),
 * PR_SET_PDEATHSIG; kill(2)). The text is fixed; the folders are its parameters.
 */
const shown = [
  'exec 8< "$1" 9< "$2"',
  'mount -t tmpfs none /mnt',
  'mkdir /mnt/work /mnt/packages',
  'mount --no-canonicalize --bind /proc/self/fd/8 /mnt/work',
  'mount --no-canonicalize --bind /proc/self/fd/9 /mnt/packages',
  'shift 2',
  'exec "$@" 8<&- 9<&-',
].join('\n')

function argvFor({ work, packages }: Room, task: Task): readonly [tool: string, ...argv: string[]] {
  if (!isRoot()) return ['bwrap', ...jailedIn({ work, packages }, task)]
  return [
    'unshare',
    ...words('--mount --propagation private -- sh -euc'),
    shown,
    'room',
    work,
    packages,
    ...words(`setpriv --reuid=${roomUid} --regid=${roomUid} --clear-groups --inh-caps=-all -- bwrap`),
    ...jailedIn({ work: '/mnt/work', packages: '/mnt/packages' }, task),
  ]
}

type Shown = Pick<Room, 'work' | 'packages'>

function jailedIn({ work, packages }: Shown, { tool, argv, fileBytes }: Task): string[] {
  return [
    words('--unshare-user --unshare-ipc --unshare-pid --unshare-uts --unshare-cgroup-try --uid 0 --gid 0'),
    words('--userns-block-fd 3 --info-fd 4 --die-with-parent --new-session --cap-add ALL'),
    words('--ro-bind /usr /usr --dev /dev --proc /proc --ro-bind /sys /sys --tmpfs /tmp --tmpfs /run'),
    ['bin', 'lib', 'lib64', 'sbin'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    seen.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
    words('--dir /var/lib/dpkg --dir /etc/apt --dir /etc/dpkg'),
    ['--bind', work, '/work', '--bind', packages, '/packages', '--chdir', '/work', '--'],
    ['prlimit', `--fsize=${fileBytes}`, '--core=0', '--nofile=4096', tool],
    argv,
  ].flat()
}

/** Runs a program in the room. Problems `tool/missing` and `tool/failed`; the signal and the time limit end it. */
export async function runIn(room: Room, task: Task): Promise<void> {
  const { signal } = room
  const limit = AbortSignal.any([signal, AbortSignal.timeout(task.timeoutMs)])
  signal.throwIfAborted()
  const [program, ...argv] = argvFor(room, task)
  const child = spawn(program, argv, {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', TMPDIR: '/tmp', ...room.environment },
  })
  const inner: Inner = { pid: undefined }
  const kill = () => {
    child.kill('SIGKILL')
    // Until it has its users it does not hear that its parent died; all else of the room dies with it.
    if (inner.pid !== undefined) killed(inner.pid)
  }
  limit.addEventListener('abort', kill, { once: true })
  const complaint = linesOf(child.stderr as Readable, task.onLine)
  const mapped = mapUsers(child, inner, signal).catch((fault: unknown) => {
    kill()
    return fault
  })
  const ended = await endOf(child)
  inner.pid = undefined
  limit.removeEventListener('abort', kill)
  signal.throwIfAborted()
  const fault = await mapped
  if (fault !== undefined) throw fault
  if (ended === 0) return
  throw failure(task, { ended, isLate: limit.aborted, complaint: complaint() })
}

const endOf = (child: ChildProcess) =>
  new Promise<number | string | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code, by) => resolve(code ?? by ?? 'killed'))
  })

type Ending = {
  readonly ended: number | string | Error
  readonly isLate: boolean
  readonly complaint: string
}

function failure(task: Task, { ended, isLate, complaint }: Ending): Problem {
  const isBare = ended instanceof Error && 'code' in ended && ended.code === 'ENOENT'
  if (isBare || /^setpriv: .*bwrap/.test(complaint))
    return new Problem('tool/missing', { tool: 'bwrap', package: 'bubblewrap' })
  const isNone = new RegExp(`^(bwrap: execvp|prlimit: failed to execute) ${task.tool}: No such file`).test(
    complaint,
  )
  if (isNone) return new Problem('tool/missing', { tool: task.tool, package: task.package })
  const late = `it took longer than ${task.timeoutMs / 1000} seconds`
  const why = isLate ? late : complaint === '' ? `it ended with ${String(ended)}` : complaint
  return new Problem('tool/failed', { tool: task.tool, why })
}

/** Each line is told; of all, the last that says what went wrong is kept. */
function linesOf(stream: Readable, onLine: ((line: string) => void) | undefined): () => string {
  let rest = ''
  let said = ''
  let error = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).slice(-complaintBytes).split(/[\r\n]+/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.trim() === '') continue
      said = line
      if (error === '' && /^(E:|dpkg: error|W: .*(failed|Failed))/.test(line)) error = line
      onLine?.(line)
    }
  })
  return () => inert(error || rest || said).slice(0, 300)
}

/** bwrap waits, its users not named yet, until a byte comes. What it says is read to its end: it dies of a closed pipe. */
async function mapUsers(child: ChildProcess, inner: Inner, signal: AbortSignal): Promise<undefined> {
  const [, , , go, info] = child.stdio as unknown as [null, null, Readable, Writable, Readable]
  go.on('error', () => {})
  let said = ''
  for await (const text of info.setEncoding('utf8')) {
    said += String(text)
    const pid = /"child-pid": (\d+)[,\s]/.exec(said)?.[1]
    if (pid === undefined || inner.pid !== undefined) continue
    inner.pid = Number(pid)
    if (isRoot())
      for (const map of ['uid_map', 'gid_map'])
        writeFileSync(`/proc/${pid}/${map}`, `0 ${roomUid} ${uidCount}\n`)
    else await mapByHelper(pid, signal)
    go.end('x')
  }
  return undefined
}

/** The first process of the room, as the host counts; known until the room's end is known. */
type Inner = { pid: number | undefined }

function killed(pid: number) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

/** Ourselves as root, and the range that /etc/subuid allots as all others. */
async function mapByHelper(pid: string, signal: AbortSignal) {
  const { username, uid, gid } = userInfo()
  const run = { signal, folder: '/' }
  for (const [tool, own, flags] of [
    ['newuidmap', uid, []],
    ['newgidmap', gid, ['-g']],
  ] as const) {
    const said = await runTool('getsubids', [...flags, username], run)
    const [, first, count] = /\s(\d+)\s+(\d+)\s*$/m.exec(said) ?? []
    if (first === undefined) throw new Problem('tool/failed', { tool, why: 'this user is allotted no range' })
    const others = String(Math.min(Number(count), uidCount - 1))
    await runTool(tool, [pid, '0', String(own), '1', '1', first, others], run)
  }
}
