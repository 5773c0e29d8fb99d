/** What the agent knows of the host under it that does not change while it runs. */

import { readdirSync, readFileSync } from 'node:fs'
import { arch, availableParallelism, hostname, release, totalmem, type } from 'node:os'
import type { HostFacts } from '#program/agent/world.ts'

// As `uname -m` and QEMU call them.
const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' }

const numberIn = (path: string) => {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    // The kernel has no such pages.
    return 0
  }
}

const pages = '/sys/kernel/mm/hugepages'
const hugePages = () => ({
  '2MiB': 2 * numberIn(`${pages}/hugepages-2048kB/nr_hugepages`),
  '1GiB': 1024 * numberIn(`${pages}/hugepages-1048576kB/nr_hugepages`),
})

function numaNodes(): number {
  try {
    return Math.max(
      1,
      readdirSync('/sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length,
    )
  } catch {
    return 1
  }
}

export const hostFacts = (): HostFacts => ({
  architecture: architectures[arch()] ?? arch(),
  cpus: availableParallelism(),
  memoryMib: Math.floor(totalmem() / 2 ** 20),
  kernel: `${type()} ${release()}`.slice(0, 128),
  hostname: hostname().slice(0, 128),
  hugePagesMib: hugePages(),
  numaNodes: numaNodes(),
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
})
