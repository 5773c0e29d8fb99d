/**
 * Wraps QEMU's command line in its jail, from the outside in:
 *
 *     systemd scope, or a shell that joins control groups ▸ bubblewrap: only these files ▸ setpriv: own user ▸ QEMU
 *
 * Each becomes the next (exec), but for bubblewrap, which stays as a small parent and tells the pid.
 * No word of a person is in here; the shell's script is fixed and takes words only as arguments.
 */

import { existsSync, lstatSync, readlinkSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Body } from '../../port.ts'
import { growthMib } from '../command/memory.ts'
import type { Bounds } from './cgroup.ts'
import type { Means } from './means.ts'
import { scopeArgv } from './scope.ts'

/** What is shown in a jail beside programs: a file, folder or device of the host, and where it is seen. */
export type Shown = {
  readonly how: '--bind' | '--dev-bind' | '--ro-bind' | '--ro-bind-try'
  readonly source: string
  readonly target: string
}

export type Jail = {
  readonly id: string
  readonly folder: string
  readonly means: Means
  readonly uid: number | null
  /** Name of the systemd scope, where there are such. */
  readonly scope: string
  readonly cgroups: readonly string[]
  readonly bounds: Bounds
  readonly isKvm: boolean
  readonly shown: readonly Shown[]
  /** Whether it may keep all of its memory in place, as devices of the host demand. */
  readonly locksMemory: boolean
}

/** The descriptor on which bubblewrap tells the pid of what it started. */
export const infoDescriptor = 3

export const wrapped = (jail: Jail, program: readonly string[]): readonly string[] => [
  ...joined(jail),
  ...walledIn(jail),
  ...lowered(jail),
  ...program,
]

/** No core dumps: they hold guests' memory. Few open files: a disk takes one or two. */
const script =
  'ulimit -c 0; ulimit -n 4096; while [ "$1" != -- ]; do echo 0 >"$1" || exit 1; shift; done; shift; exec "$@"'

export function joined({ scope, means, cgroups, bounds, locksMemory }: Jail): readonly string[] {
  const groups = cgroups.map((folder) => `${folder}/cgroup.procs`)
  const bounded = locksMemory ? `ulimit -l unlimited; ${script}` : script
  const shell = ['/bin/sh', '-c', bounded, 'decant', ...groups, '--']
  return means.groups === 'systemd-scope' ? [...scopeArgv(scope, bounds), ...shell] : shell
}

function walledIn({ folder, means, isKvm, shown }: Jail): readonly string[] {
  if (means.mounts !== 'bubblewrap') return []
  return [
    ['bwrap', ...(means.isRoot ? [] : ['--cap-drop', 'ALL'])],
    ['--unshare-ipc', '--unshare-uts', '--info-fd', String(infoDescriptor)],
    openFolders(['/etc', '/dev', ...new Set([folder, ...shown.map(({ target }) => target)].map(dirname))]),
    systemFiles(),
    ['null', 'zero', 'urandom', ...(isKvm ? ['kvm'] : [])].flatMap((name) =>
      bind('--dev-bind', `/dev/${name}`),
    ),
    bind('--bind', folder),
    shown.flatMap(({ how, source, target }) => [how, source, target]),
    ['--chdir', folder, '--'],
  ].flat()
}

/** Made beforehand: folders that bubblewrap makes on its way are closed to the guest's user. */
const openFolders = (paths: readonly string[]) => paths.flatMap((path) => ['--dir', path])

/** Shows a file or folder at the very place where it is. */
const bind = (how: '--bind' | '--dev-bind' | '--ro-bind' | '--ro-bind-try', path: string) => [how, path, path]

/** Programs and libraries, read-only; where names are looked up. Nothing else of /etc. */
const systemFiles = (): readonly string[] => [
  ...bind('--ro-bind', '/usr'),
  ...['/lib', '/lib64', '/bin', '/sbin'].flatMap(systemFolder),
  ...['/etc/ld.so.cache', '/etc/resolv.conf'].flatMap((file) => bind('--ro-bind-try', file)),
]

/** Debian since 12 has these as links into /usr; an older, upgraded host may not. */
function systemFolder(path: string): readonly string[] {
  if (!existsSync(path)) return []
  return lstatSync(path).isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : bind('--ro-bind', path)
}

/** What QEMU opens beside its run folder; what may be shared with other guests is read-only. */
export function openedFiles(body: Body): readonly Shown[] {
  const { disks, kernel, cdroms, plugs } = body
  const layers = disks.flatMap((disk) => [...disk.backing, ...(disk.isReadOnly ? [disk] : [])])
  // Whether it is written to is said by the rights of the device's node.
  const devices = disks
    .flatMap((disk) => [disk, ...disk.backing])
    .filter(({ isDevice }) => isDevice === true)
    .map(({ file }) => file)
  const readOnly = [
    // QEMU looks whether memory may be promised that is not there yet.
    ...(growthMib(body) === null ? [] : ['/proc/sys/vm/overcommit_memory']),
    ...layers.filter(({ isDevice }) => isDevice !== true).map(({ file }) => file),
    ...cdroms.flatMap(({ file }) => (file === null ? [] : [file])),
    ...(kernel === null ? [] : [kernel.kernelFile, kernel.initrdFile]),
  ]
  const writable = [
    ...disks.filter(({ isReadOnly, isDevice }) => !isReadOnly && isDevice !== true).map(({ file }) => file),
    ...plugs.flatMap((plug) => (plug.driver === 'stream' ? [plug.socket] : [])),
  ]
  return [...new Set(readOnly)]
    .map((path): Shown => ({ how: '--ro-bind', source: path, target: path }))
    .concat(writable.map((path) => ({ how: '--bind', source: path, target: path })))
    .concat([...new Set(devices)].map((path) => ({ how: '--dev-bind', source: path, target: path })))
}

/** The guest's own user, without groups (but the one that may use KVM), capabilities or ways to get more. */
function lowered({ uid, isKvm }: Jail): readonly string[] {
  if (uid === null) return ['setpriv', '--no-new-privs', '--inh-caps=-all', '--']
  return [
    ['setpriv', `--reuid=${uid}`, `--regid=${uid}`],
    isKvm ? [`--groups=${statSync('/dev/kvm').gid}`] : ['--clear-groups'],
    ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs', '--'],
  ].flat()
}
