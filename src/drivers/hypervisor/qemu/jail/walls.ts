/** Says of each protection around guests whether it holds here, and if not, why. */

import type { Accelerator, Wall } from '../../port.ts'
import type { Means } from './means.ts'

export function wallsOf(means: Means, accelerator: Accelerator['name']): readonly Wall[] {
  const wall = (name: string, holds: boolean, because: string, whyNot: string): Wall => ({
    name,
    holds,
    why: holds ? because : whyNot,
  })
  const isWalled = means.mounts === 'bubblewrap'
  const hasGroups = means.groups === 'systemd-scope' || 'version' in means.groups
  return [
    wall('own-uid', means.isRoot, 'each guest is a user of its own', 'the agent is not root'),
    wall(
      'mount-namespace',
      isWalled,
      'a guest sees programs, its run folder and its disks, nothing else',
      isWalled ? '' : means.mounts.why,
    ),
    wall('no-capabilities', true, 'a guest has no capabilities and can get none', ''),
    wall('no-new-privileges', true, 'no program can raise its privileges', ''),
    wall('seccomp', true, "QEMU's sandbox denies new programs and privileges", ''),
    wall(
      'cgroup',
      hasGroups,
      'memory, processor and tasks are bounded',
      hasGroups ? '' : (means.groups as { why: string }).why,
    ),
    wall(
      'decant-port',
      means.isRoot,
      'Decant refuses the connections that guests make to it',
      'a guest is the same user as you: Decant cannot tell its connections from yours',
    ),
    wall(
      'host-loopback',
      false,
      '',
      'in a user-mode network that is not restricted, a guest reaches what listens on addresses of this host; bridge networks are closed against that',
    ),
    wall(
      'kvm-isolation',
      accelerator === 'kvm',
      'the processor separates guests',
      'QEMU promises no isolation without KVM: do not let tenants share this host',
    ),
  ]
}
