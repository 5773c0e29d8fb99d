/** A transient systemd scope per guest: it outlives Decant's own service (systemd-run(1), org.freedesktop.systemd1). */

import type { Bounds } from './cgroup.ts'

export const scopeName = (id: string) => `decant-guest-${id}.scope`

/** Registers the calling process as the scope, then becomes the command: the pid stays. */
export const scopeArgv = (id: string, bounds: Bounds): readonly string[] => [
  'systemd-run',
  '--scope',
  '--quiet',
  '--collect',
  `--unit=${scopeName(id)}`,
  '--slice=decant.slice',
  `--property=MemoryMax=${bounds.memoryBytes}`,
  `--property=CPUQuota=${(bounds.cpus + 1) * 100}%`,
  `--property=TasksMax=${bounds.tasks}`,
  '--',
]
