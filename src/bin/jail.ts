/**
 * The controller's cell where Decant runs as root: an own uid, no capabilities, no new privileges, and a
 * mount namespace that holds the code, the system's libraries, its own data, and nothing else. It works
 * also where the checkout or the data lies under a folder that only root may enter.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { controllerUid, type Layout } from './layout.ts'

export type Cell = {
  readonly argv: readonly [string, ...string[]]
  /** Uid that the program must become by itself after loading; null when the cell has done that. */
  readonly dropTo: number | null
  /** What the cell lacks, for people; null when it is whole. */
  readonly lack: string | null
}

// Debian links these to /usr; elsewhere they may be folders.
const rootFolders = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].flatMap((path) => {
  if (!existsSync(path)) return []
  return lstatSync(path).isSymbolicLink()
    ? ['--symlink', readlinkSync(path), path]
    : ['--ro-bind', path, path]
})

// What a program needs to know of the system: names, certificates, time. No accounts, no secrets.
const etc = [
  'ssl',
  'resolv.conf',
  'hosts',
  'nsswitch.conf',
  'localtime',
  'ld.so.cache',
  'ca-certificates',
].flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`])

/** The folders that lead to a path, outermost first. */
const leadingTo = (path: string): string[] =>
  path === '/' ? [] : [...leadingTo(dirname(path)), ...(dirname(path) === '/' ? [] : [dirname(path)])]

/** bubblewrap's words for the file system that the controller sees. */
function sight(checkout: string, { controller, data, link }: Layout): string[] {
  // Left to itself, bubblewrap makes leading folders that only root may enter.
  const leading = new Set(['/etc', ...[checkout, controller, link].flatMap(leadingTo)])
  leading.delete('/tmp')
  return [
    ['--ro-bind', '/usr', '/usr'],
    rootFolders,
    ['--dev', '/dev', '--proc', '/proc', '--perms', '1777', '--tmpfs', '/tmp'],
    [...leading].flatMap((path) => ['--perms', '0755', '--dir', path]),
    etc,
    ['--ro-bind', checkout, checkout],
    ['--bind', controller, controller, '--bind', link, link],
    ['--chdir', data],
  ].flat()
}

const rights = (uid: number | null) => [
  'setpriv',
  ...(uid === null ? [] : ['--reuid', String(uid), '--regid', String(uid), '--clear-groups']),
  '--no-new-privs',
  '--inh-caps=-all',
  // A program that is to change its uid by itself keeps the right to do so until then.
  `--bounding-set=-all${uid === null ? ',+setuid,+setgid' : ''}`,
]

const bubblewrap = (sight: readonly string[]) => [
  'bwrap',
  '--unshare-pid',
  '--unshare-ipc',
  '--unshare-uts',
  '--die-with-parent',
  ...sight,
  '--',
]

const works = ([program = '', ...argv]: readonly string[], cwd: string) =>
  spawnSync(program, argv, { cwd, stdio: 'ignore', timeout: 5_000 }).status === 0

/** Whether others than its owner may read the code: else only root can load it. */
const isReadable = (path: string) => (statSync(path).mode & 0o004) !== 0

/**
 * The command that runs `program` in the best cell that this system allows. An ordinary user's controller
 * runs as that user, who has no rights to lose.
 */
export function cellFor(program: readonly string[], checkout: string, layout: Layout, isRoot: boolean): Cell {
  const [first = '', ...rest] = program
  if (!isRoot) return { argv: [first, ...rest], dropTo: null, lack: null }
  const isLoadable = [...program, join(checkout, 'package.json')].every(isReadable)
  const uid = isLoadable ? controllerUid : null
  const walls = bubblewrap(sight(checkout, layout))
  const [cell, ...within] = [...walls, ...rights(uid)]
  const dropTo = isLoadable ? null : controllerUid
  if (cell !== undefined && works([cell, ...within, 'true'], layout.data)) {
    return { argv: [cell, ...within, first, ...rest], dropTo, lack: null }
  }
  const bare = rights(null)
  const lack = 'bubblewrap does not work here: the controller has its own uid but sees the whole file system'
  return { argv: ['setpriv', ...bare.slice(1), first, ...rest], dropTo: controllerUid, lack }
}
