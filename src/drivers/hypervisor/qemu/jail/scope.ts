/** A transient systemd scope per guest: it outlives Decant's own service (systemd-run(1), org.freedesktop.systemd1). */

import { run } from '../run.ts'
import type { Bounds } from './cgroup.ts'

/** `what`: which of the guest's processes; QEMU itself where nothing is said. */
export const scopeName = (id: string, what = '') => `decant-guest-${id}${what === '' ? '' : `-${what}`}.scope`

/** Registers the calling process as the scope, then becomes the command: the pid stays. */
export const scopeArgv = (name: string, bounds: Bounds): readonly string[] => [
  'systemd-run',
  '--scope',
  '--quiet',
  '--collect',
  `--unit=${name}`,
  '--slice=decant.slice',
  ...boundsProperties(bounds).map((property) => `--property=${property}`),
  '--',
]

/** Sets the bounds of a guest's scope anew; where that fails, they stay as they were. */
export async function resizeScope(id: string, bounds: Bounds): Promise<void> {
  await run('systemctl', ['set-property', '--runtime', scopeName(id), ...boundsProperties(bounds)])
}

const boundsProperties = (bounds: Bounds) => [
  `MemoryMax=${bounds.memoryBytes}`,
  `CPUQuota=${(bounds.cpus + 1) * 100}%`,
  `TasksMax=${bounds.tasks}`,
]
