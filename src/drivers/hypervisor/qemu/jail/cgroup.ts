/**
 * A control group for each guest: how much memory, processor and how many tasks it can take from others.
 * Sources: cgroups(7); kernel.org, admin-guide/cgroup-v1 and cgroup-v2.
 */

import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { limits } from '#model/limits.ts'

export type Bounds = { readonly memoryBytes: number; readonly cpus: number; readonly tasks: number }

/** What a guest of this size may take at most. */
export function boundsOf({ cpus, memoryMib }: { readonly cpus: number; readonly memoryMib: number }): Bounds {
  const overheadMib = limits.guestOverheadMib + limits.tcgCacheMib + limits.guestPageCacheMib
  return {
    memoryBytes: (memoryMib + overheadMib) * 2 ** 20,
    cpus,
    tasks: limits.guestTasks + cpus,
  }
}

/** Where groups can be made: one folder in all (v2), or one for each controller (v1). */
export type CgroupHome =
  | { readonly version: 2; readonly folder: string }
  | { readonly version: 1; readonly folders: Readonly<Record<string, string>> }

const root = '/sys/fs/cgroup'
const controllers = ['memory', 'cpu', 'pids'] as const

/** Finds where groups can be made, or says why they cannot. */
export function findCgroupHome(): CgroupHome | string {
  if (existsSync(join(root, 'cgroup.controllers'))) return unifiedHome()
  const own = readFileSync('/proc/self/cgroup', 'utf8')
  const folders = Object.fromEntries(
    controllers.flatMap((controller) => {
      const [, path] = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(.*)$`, 'm').exec(own) ?? []
      const folder = join(root, controller, path ?? '')
      return path !== undefined && isWritable(folder) ? [[controller, join(folder, 'decant')]] : []
    }),
  )
  return Object.keys(folders).length > 0
    ? { version: 1, folders }
    : 'no control group of this host can be written to'
}

function unifiedHome(): CgroupHome | string {
  const folder = join(root, 'decant')
  try {
    mkdirSync(folder, { recursive: true })
    const given = controllers.map((controller) => `+${controller}`).join(' ')
    writeFileSync(join(root, 'cgroup.subtree_control'), given)
    writeFileSync(join(folder, 'cgroup.subtree_control'), given)
    return { version: 2, folder }
  } catch (error) {
    return `the control groups of this host cannot be written to: ${(error as Error).message}`
  }
}

/** Makes the groups of a guest with their bounds. Gives their folders; repeated, sets the bounds anew. */
export function makeCgroups(home: CgroupHome, id: string, bounds: Bounds): string[] {
  const wanted =
    home.version === 2
      ? [{ folder: join(home.folder, id), settings: unifiedSettings(bounds) }]
      : Object.entries(home.folders).map(([controller, folder]) => ({
          folder: join(folder, id),
          settings: splitSettings(bounds)[controller] ?? [],
        }))
  for (const { folder, settings } of wanted) {
    mkdirSync(folder, { recursive: true })
    for (const [file, value] of settings) writeFileSync(join(folder, file), value)
  }
  return wanted.map(({ folder }) => folder)
}

/** Sets the bounds of a guest's groups anew, as it grows or shrinks. */
export function resizeCgroups(folders: readonly string[], bounds: Bounds): void {
  for (const folder of folders)
    for (const [file, value] of [...unifiedSettings(bounds), ...Object.values(splitSettings(bounds)).flat()])
      if (existsSync(join(folder, file))) writeFileSync(join(folder, file), value)
}

type Settings = readonly (readonly [file: string, value: string])[]

// One CPU more than the guest has: QEMU's own threads must not starve its CPUs.
const quotaUs = ({ cpus }: Bounds) => (cpus + 1) * 100_000

const unifiedSettings = (bounds: Bounds): Settings => [
  ['memory.max', String(bounds.memoryBytes)],
  ['cpu.max', `${quotaUs(bounds)} 100000`],
  ['pids.max', String(bounds.tasks)],
]

const splitSettings = (bounds: Bounds): Readonly<Record<string, Settings>> => ({
  memory: [['memory.limit_in_bytes', String(bounds.memoryBytes)]],
  cpu: [
    ['cpu.cfs_period_us', '100000'],
    ['cpu.cfs_quota_us', String(quotaUs(bounds))],
  ],
  pids: [['pids.max', String(bounds.tasks)]],
})

/** Takes the groups away where no process is left in them, the shared folder with the last; says if all are gone. */
export function removeCgroups(folders: readonly string[]): boolean {
  for (const folder of folders) for (const each of [folder, dirname(folder)]) removeEmpty(each)
  return !folders.some((folder) => existsSync(folder))
}

function removeEmpty(folder: string) {
  try {
    rmdirSync(folder)
  } catch {
    // Not there any more, or still in use: the caller sees which.
  }
}

function isWritable(folder: string) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
