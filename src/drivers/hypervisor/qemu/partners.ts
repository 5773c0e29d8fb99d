/**
 * Processes beside a guest's QEMU: a TPM, servers of shared folders. They listen before QEMU starts and end with
 * it, by themselves when its connection ends and else by us. Each works in the guest's own run folder, which
 * only we give out: so they are known again, whoever started them (I-20, I-23).
 */

import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { basename, join, normalize, relative } from 'node:path'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Body } from '../port.ts'
import { findShareServer, findTpm } from './features.ts'
import { lastComplaint, openLog } from './folder.ts'
import { mountsScript, perl } from './jail/door.ts'
import { scopeName } from './jail/scope.ts'
import type { Uids } from './jail/uids.ts'
import { joined, wrapped, type Jail } from './jail/wrap.ts'
import { isSameProcess, processFacts } from './process.ts'

export type PartnersWith = {
  readonly jail: Jail
  readonly body: Body
  readonly uids: Uids
  /** Folders of the host below which guests may be shown folders. */
  readonly shareFolders: readonly string[]
  readonly clock: Clock
}

type Partner = {
  readonly name: string
  readonly argv: readonly string[]
  readonly folder: string
  /** The socket on which it listens. */
  readonly socket: string
}

/** Starts what the guest needs beside it; when this resolves, all listen. Problem `guest/spawn`. */
export async function startPartners(on: PartnersWith): Promise<void> {
  const partners = [
    ...(on.body.spec.shape.hasTpm ? [tpmOf(on)] : []),
    ...on.body.spec.shape.shares.map((_, n) => shareOf(on, n)),
  ]
  await Promise.all(partners.map((partner) => startOne(partner, on)))
}

/** A TPM keeps what it knows in a folder that its guest's QEMU cannot read: it is a user of its own. */
function tpmOf({ jail, uids }: PartnersWith): Partner {
  const folder = join(jail.folder, 'tpm')
  mkdirSync(folder, { recursive: true, mode: 0o711 })
  const uid = jail.uid === null ? null : uids.of(folder)
  for (const name of ['', ...readdirSync(folder)])
    if (uid !== null && name !== 'uid') chownSync(join(folder, name), uid, uid)
  chmodSync(folder, jail.uid === null ? 0o700 : 0o711)
  const state = ['--tpmstate', 'dir=.,mode=0600']
  const socket = ['--ctrl', 'type=unixio,path=tpm.sock,mode=0666']
  const program = [findTpm() ?? 'swtpm', 'socket', '--tpm2', '--terminate', ...state, ...socket]
  const own = { ...jail, folder, uid, scope: scopeName(jail.id, 'tpm'), shown: [], isKvm: false }
  return { name: 'tpm', argv: wrapped(own, program), folder, socket: join(folder, 'tpm.sock') }
}

/** The server walls itself in: it sees the shared folder and nothing else, in namespaces of its own. */
function shareOf({ jail, body, shareFolders }: PartnersWith, n: number): Partner {
  const share = body.spec.shape.shares[n] ?? { tag: '', folder: '', isReadOnly: true }
  const { root, below } = allowed(share.folder, shareFolders)
  if (!share.isReadOnly && jail.uid !== null) requireHarmless(join(root, below))
  const [name, point] = [`share${n}`, join(jail.folder, `point${n}`)]
  mkdirSync(point, { recursive: true, mode: 0o700 })
  const server = findShareServer() ?? 'virtiofsd'
  const words = server.includes('libexec')
    ? ['--socket-path', `${name}.sock`, '--shared-dir', point, '--sandbox', 'namespace']
    : [`--socket-path=${name}.sock`, '-f', '-o', `source=${point}`]
  const way = share.isReadOnly ? 'ro' : 'rw'
  const opened = [perl, mountsScript, 'share', root, below, point, way, server, ...words]
  const own = { ...jail, scope: scopeName(jail.id, name) }
  return {
    name,
    argv: [...joined(own), ...opened],
    folder: jail.folder,
    socket: join(jail.folder, `${name}.sock`),
  }
}

/** The allowed folder that a wished one lies in. Problem `feature/not-here` when it lies in none. */
export function allowed(wished: string, roots: readonly string[]) {
  const folder = normalize(wished)
  const root = roots.find((each) => folder === each || folder.startsWith(`${each.replace(/\/$/, '')}/`))
  if (root === undefined || !folder.startsWith('/') || !existsSync(root))
    throw new Problem('feature/not-here', {
      what: 'this shared folder',
      why: 'it lies below no folder that this host allows (setting shareFolders of the agent)',
    })
  return { root: realpathSync(root), below: relative(root, folder) || '.' }
}

/**
 * What a guest's root writes to a shared folder belongs to the host's root: set-uid programs and device nodes
 * among it would make a local user of the host its master. Problem `feature/not-here` unless the file system
 * takes neither.
 */
function requireHarmless(folder: string) {
  const options = mountOptions(readFileSync('/proc/self/mountinfo', 'utf8'), realpathSync(folder))
  if (options.includes('nosuid') && options.includes('nodev')) return
  throw new Problem('feature/not-here', {
    what: 'this shared folder with writing',
    why: 'its file system is not mounted nosuid,nodev, so that a guest could leave programs there that act as root on the host; mount it so, or share it read-only',
  })
}

/** Options of the mount that a folder lies in, from the text of mountinfo (proc(5)). */
export function mountOptions(mountinfo: string, folder: string): readonly string[] {
  const mounts = mountinfo.split('\n').flatMap((line) => {
    const [, , , , point, options] = line.split(' ')
    const plain = point?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCodePoint(Number.parseInt(octal, 8)),
    )
    return plain === undefined || options === undefined ? [] : [{ point: plain, options }]
  })
  const holds = ({ point }: { readonly point: string }) =>
    point === '/' || folder === point || folder.startsWith(`${point}/`)
  // Of several at one place the last covers the others.
  const best = mounts
    .filter(holds)
    .reduce<(typeof mounts)[number] | undefined>(
      (found, mount) => (found === undefined || mount.point.length >= found.point.length ? mount : found),
      undefined,
    )
  return best?.options.split(',') ?? []
}

async function startOne(
  { name, argv, folder, socket }: Partner,
  { jail, clock }: PartnersWith,
): Promise<void> {
  rmSync(socket, { force: true })
  const log = openLog(jail.folder)
  const info = openSync(join(jail.folder, `jail-${name}.json`), 'w', 0o600)
  const [program = '', ...words] = argv
  const child = spawn(program, words, {
    cwd: folder,
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
    stdio: ['ignore', log, log, info],
  })
  child.on('error', () => undefined)
  closeSync(log)
  closeSync(info)
  const deadline = clock.monotonic() + limits.spawnMs
  while (!isSocket(socket)) {
    const isOver = child.exitCode !== null || child.signalCode !== null || clock.monotonic() > deadline
    if (isOver) throw new Problem('guest/spawn', { why: `${name}: ${lastComplaint(jail.folder)}` })
    await clock.sleep(2)
  }
  if (jail.uid !== null && name !== 'tpm') chownSync(socket, jail.uid, jail.uid)
  child.unref()
}

const isSocket = (file: string) => lstatSync(file, { throwIfNoEntry: false })?.isSocket() === true

/** Ends what is left of a guest's partners; says whether all are gone. */
export async function endPartners(folder: string, clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + limits.qmpAnswerMs
  for (;;) {
    const left = partnersIn(folder)
    if (left.length === 0) return true
    if (clock.monotonic() > deadline) return false
    for (const { pid, startTicks } of left) if (isSameProcess(pid, startTicks)) process.kill(pid, 'SIGKILL')
    await clock.sleep(5)
  }
}

const programs = new Set(['swtpm', 'virtiofsd'])

/** Processes of these programs that work in the run folder. */
function partnersIn(folder: string): { readonly pid: number; readonly startTicks: string }[] {
  const homes = new Set([folder, join(folder, 'tpm')])
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 1 && programs.has(basename(linkOf(`/proc/${pid}/exe`))))
    .filter((pid) => homes.has(linkOf(`/proc/${pid}/cwd`)))
    .flatMap((pid) => {
      const startTicks = processFacts(pid)?.startTicks
      return startTicks === undefined ? [] : [{ pid, startTicks }]
    })
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
