/** What this host offers to wall guests in. Looked at once, when the driver opens. */

import { existsSync } from 'node:fs'
import { run } from '../run.ts'
import { findCgroupHome, type CgroupHome } from './cgroup.ts'

export type Means = {
  readonly isRoot: boolean
  /** A mount namespace of its own by bubblewrap, or why not. */
  readonly mounts: 'bubblewrap' | { readonly why: string }
  /** Control groups: our own, or a systemd scope, or why neither. */
  readonly groups: CgroupHome | 'systemd-scope' | { readonly why: string }
}

export async function findMeans(): Promise<Means> {
  const isRoot = process.getuid?.() === 0
  return { isRoot, mounts: await findMounts(), groups: findGroups(isRoot) }
}

async function findMounts(): Promise<Means['mounts']> {
  const probe = await run('bwrap', ['--ro-bind', '/', '/', '--', 'true'])
  if (probe.status === 0) return 'bubblewrap'
  return {
    why: probe.status === 127 ? 'bubblewrap is not installed' : 'this host does not allow mount namespaces',
  }
}

/** Under systemd a guest gets a scope: in our service's own group, a restart of the service would end it. */
function findGroups(isRoot: boolean): Means['groups'] {
  if (!isRoot) return { why: 'only root can make control groups here' }
  if (isUnderSystemd()) return 'systemd-scope'
  const home = findCgroupHome()
  return typeof home === 'string' ? { why: home } : home
}

/** As in sd_booted(3). */
export const isUnderSystemd = () => existsSync('/run/systemd/system')
