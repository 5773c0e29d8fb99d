/**
 * The controller's cell where Decant runs as root: an own uid, no capabilities, no new privileges, and a
 * mount namespace that holds the code, the system's libraries, its own data, and nothing else. It works
 * also where the checkout or the data lies under a folder that only root may enter.
 */

import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { Problem } from '#model/problem.ts'
import { controllerUid, giveController, type Layout } from './layout.ts'

export type Cell = {
  readonly argv: readonly [string, ...string[]]
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

/** setpriv(1): the rights of a program, all of them gone but those of its uid over its own files. */
const rights = (uid: number) => [
  'setpriv',
  `--reuid=${uid}`,
  `--regid=${uid}`,
  '--clear-groups',
  '--no-new-privs',
  '--inh-caps=-all',
  '--bounding-set=-all',
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

type Candidate = { readonly uid: number; readonly before: readonly string[]; readonly lack: string | null }

/** From the best to the least: what a system lacks, or a umask hides from others, costs one wall, not the start. */
function candidates(checkout: string, layout: Layout): readonly Candidate[] {
  const walls = bubblewrap(sight(checkout, layout))
  const open = 'bubblewrap does not work here: the controller sees the whole file system, with an own uid'
  const rooted =
    'only root can read the code or reach the data: the controller has uid 0, without any capability'
  return [
    { uid: controllerUid, before: walls, lack: null },
    { uid: controllerUid, before: [], lack: open },
    { uid: 0, before: walls, lack: rooted },
    { uid: 0, before: [], lack: `${rooted}, and sees the whole file system` },
  ]
}

/** Whether code can be read and data be written in a cell: asked of the kernel, not guessed. */
function works(argv: readonly string[], program: readonly string[], { controller, link }: Layout): boolean {
  const wanted = [...program.flatMap((file) => ['-r', file, '-a']), '-w', controller, '-a', '-w', link]
  const [first = '', ...rest] = [...argv, 'test', ...wanted]
  return spawnSync(first, rest, { cwd: '/', stdio: 'ignore', timeout: 5_000 }).status === 0
}

/**
 * The command that runs `program` (files: Node and the script) in the best cell that this system allows; the
 * controller's folders then belong to it. An ordinary user's controller runs as that user, who has no
 * rights to lose. Problem `feature/not-here` when root itself cannot run it.
 */
export function cellFor(program: readonly string[], checkout: string, layout: Layout, isRoot: boolean): Cell {
  const [first = '', ...rest] = program
  if (!isRoot) return { argv: [first, ...rest], lack: null }
  for (const { uid, before, lack } of candidates(checkout, layout)) {
    giveController(layout, uid)
    const [outer = '', ...inner] = [...before, ...rights(uid)]
    if (works([outer, ...inner], program, layout)) return { argv: [outer, ...inner, ...program], lack }
  }
  throw new Problem('feature/not-here', { what: 'the controller', why: 'setpriv (util-linux) does not work' })
}
