/** What the agent knows of the host under it that does not change while it runs. */

import { readFileSync } from 'node:fs'
import { arch, availableParallelism, hostname, release, totalmem, type } from 'node:os'
import type { HostFacts } from '#program/agent/world.ts'

// As `uname -m` and QEMU call them.
const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

export const hostFacts = (): HostFacts => ({
  architecture: architectures[arch()] ?? arch(),
  cpus: availableParallelism(),
  memoryMib: Math.floor(totalmem() / 2 ** 20),
  kernel: `${type()} ${release()}`.slice(0, 128),
  hostname: hostname().slice(0, 128),
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
})
