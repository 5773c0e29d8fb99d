/**
 * Exports of NFS servers in folders of ours. Mounted hard: a guest whose server is away waits and goes on, it never sees
 * an error that the disk does not have. Never unmounted lazily: what a guest has open stays where it is.
 */

import { spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { inert } from '#base/text.ts'
import { reason, type Reason } from '#model/plan.ts'

/** Server, as a name, an IPv4 address or an IPv6 address in brackets, and an absolute folder on it. */
const sourceForm = /^([a-zA-Z0-9]([a-zA-Z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}\]):(\/[\w@%+=.,:/-]{0,400})$/
export const isSource = (source: string) => sourceForm.test(source)

/** No devices, no programs, no changes of user; one try, for the agent tries again itself. */
const options = 'hard,nosuid,nodev,noexec,noatime,retry=0,vers=4'

export type Mounted = { readonly source: string; readonly kind: string }

/** What is mounted at exactly this folder, as /proc/self/mountinfo tells (proc(5)). */
export function mountedAt(mountinfo: string, folder: string): Mounted | undefined {
  const lines = mountinfo.split('\n').filter((line) => line !== '')
  for (const line of lines.toReversed()) {
    const [place, rest = ''] = line.split(' - ', 2)
    const [kind = '', source = ''] = rest.split(' ')
    if (unescaped(place?.split(' ')[4] ?? '') === folder) return { kind, source: unescaped(source) }
  }
  return undefined
}

const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

export type MountOrder = { readonly source: string; readonly folder: string; readonly timeoutMs: number }

/** Mounts it unless it is mounted; undefined: it is. */
export async function mountExport({ source, folder, timeoutMs }: MountOrder): Promise<Reason | undefined> {
  if (!isSource(source)) return reason('datastore/source-form', { form: 'SERVER:/EXPORT' })
  const there = mountedAt(await readFile('/proc/self/mountinfo', 'utf8'), folder)
  if (there?.source === source && there.kind.startsWith('nfs')) return undefined
  if (there !== undefined)
    return reason('datastore/mount-failed', { source, why: `${inert(there.source)} is mounted in its place` })
  // Only while nothing is mounted there: a look at a mount whose server is away does not end.
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const { status, complaint } = await run(
    'mount',
    ['-t', 'nfs4', '-o', options, '--', source, folder],
    timeoutMs,
  )
  if (status === 0) return undefined
  if (/bad option|helper program|unknown filesystem type 'nfs4'/.test(complaint) && !(await hasProgram()))
    return reason('datastore/no-tool', { tool: 'mount.nfs4', package: 'nfs-common' })
  const why = status === 'late' ? `no answer in ${timeoutMs / 1000} s` : complaint
  return reason('datastore/mount-failed', { source, why })
}

const hasProgram = async () => (await run('mount.nfs4', ['-V'], 5_000)).status !== 'absent'

/** Unmounts what nobody uses; whether it is unmounted. */
export async function unmountExport(folder: string, timeoutMs: number): Promise<boolean> {
  if (mountedAt(await readFile('/proc/self/mountinfo', 'utf8'), folder) === undefined) return true
  return (await run('umount', ['--', folder], timeoutMs)).status === 0
}

type Ended = { readonly status: number | 'late' | 'absent'; readonly complaint: string }

/** Runs a program and waits for it, but not for ever: one that hangs in the kernel is left to itself. */
function run(program: string, argv: readonly string[], timeoutMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    let complaint = ''
    const child = spawn(program, argv, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      resolve({ status: 'late', complaint })
    }, timeoutMs)
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-2000)))
    child.once('error', () => resolve({ status: 'absent', complaint: '' }))
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({
        status: code ?? -1,
        complaint: inert(complaint.trim().split('\n').at(-1) ?? '').slice(0, 300),
      })
    })
  })
}
