/**
 * Runs QEMU's tools on files that guests may have written: in a jail with those files and nothing else, no network, no
 * capabilities. Keys come in through descriptors, never as arguments; inside they are files of its own memory.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { lstatSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { Keys } from '#drivers/datastore/port.ts'
import { packages } from './tool.ts'

export type Jailed = {
  readonly tool: string
  readonly argv: readonly string[]
  /** What it may write to, and what it only reads; absolute. */
  readonly writable: readonly string[]
  readonly readable: readonly string[]
  /** In the jail the n-th is the file `/keyN`. */
  readonly keys: readonly string[]
}

/** The keys that layers name, in a fixed order, and where the jail has each. */
export function keyFiles(keys: Keys, names: readonly (string | null)[]) {
  const wanted = [...new Set(names.filter((name) => name !== null))].toSorted()
  const values = wanted.map((name) => {
    const key = keys[name]
    if (key === undefined) throw new Error('the key of an encrypted volume is not known here')
    return key
  })
  return { values, fileOf: (name: string) => `/key${wanted.indexOf(name)}`, names: wanted }
}

const words = (text: string) => text.split(' ')
const walls = words(
  '--unshare-ipc --unshare-pid --unshare-net --unshare-uts --cap-drop ALL --die-with-parent --new-session ' +
    '--clearenv --setenv PATH /usr/bin:/bin --setenv LC_ALL C --ro-bind /usr /usr ' +
    '--ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --dev /dev --proc /proc',
)
const links = ['/bin', '/lib', '/lib64', '/sbin'].flatMap((path) => ['--symlink', `usr${path}`, path])
/** The first descriptor for keys: 0 to 2 are the tool's own. */
const firstKey = 3

/** A device that is only read has a node that nobody may write to. */
const isDevice = (file: string) => lstatSync(file, { throwIfNoEntry: false })?.isBlockDevice() === true

/** Starts the tool; its standard input and output are pipes. */
export function startJailed({ tool, argv, writable, readable, keys }: Jailed): ChildProcess {
  const isRoot = process.getuid?.() === 0
  const bound = [
    ...readable.flatMap((file) => [isDevice(file) ? '--dev-bind' : '--ro-bind', file, file]),
    ...writable.flatMap((file) => [isDevice(file) ? '--dev-bind' : '--bind', file, file]),
    ...keys.flatMap((_, at) => ['--perms', '0400', '--ro-bind-data', String(firstKey + at), `/key${at}`]),
  ]
  const user = isRoot ? [] : ['--unshare-user']
  const child = spawn('bwrap', [...user, ...walls, ...links, ...bound, '--chdir', '/', '--', tool, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe', ...keys.map(() => 'pipe' as const)],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  })
  keys.forEach((key, at) => {
    const pipe = child.stdio[firstKey + at] as Writable
    pipe.on('error', () => undefined)
    pipe.end(key)
  })
  child.stdin?.on('error', () => undefined)
  return child
}

const complaintBytes = 4096

/** Runs it to its end; `hear` gets what it says. Problems `tool/missing`, `tool/failed`; the signal kills it. */
export async function runJailed(
  wish: Jailed,
  signal: AbortSignal,
  hear: (text: string) => void = () => undefined,
): Promise<void> {
  signal.throwIfAborted()
  const child = startJailed(wish)
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  let complaint = ''
  child.stdin?.end()
  child.stdout?.setEncoding('utf8').on('data', hear)
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-complaintBytes)
  })
  const ended = await endOf(child)
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  if (ended instanceof Error)
    throw new Problem('tool/missing', { tool: 'bwrap', package: 'bubblewrap' }, { cause: ended })
  if (ended === 0) return
  if (/execvp .*No such file/.test(complaint))
    throw new Problem('tool/missing', { tool: wish.tool, package: packages[wish.tool] ?? wish.tool })
  const why = inert(complaint.trim().split('\n').at(-1) ?? '').slice(0, 300) || `it ended with ${ended}`
  throw new Problem('tool/failed', { tool: wish.tool, why })
}

export const endOf = (child: ChildProcess) =>
  new Promise<number | string | Error>((resolve) => {
    child.once('error', resolve)
    child.once('close', (code, by) => resolve(code ?? by ?? 'killed'))
  })
