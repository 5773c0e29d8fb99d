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

/** PCI devices that were bound for giving away (driver vfio-pci), and the USB devices that are allowed and there. */
function hostDevices(allowedUsb: readonly string[]): string[] {
  const pci = namesIn('/sys/bus/pci/drivers/vfio-pci').filter((name) => /^[0-9a-f]{4}:/.test(name))
  const usb = namesIn('/sys/bus/usb/devices').flatMap((name) => {
    const fact = (of: string) => textIn(`/sys/bus/usb/devices/${name}/${of}`)
    const address = `${fact('idVendor')}:${fact('idProduct')}`
    return allowedUsb.includes(address) ? [address] : []
  })
  return [...new Set([...pci, ...usb])].toSorted().slice(0, 256)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

export const hostFacts = (allowedUsb: readonly string[] = []): HostFacts => ({
  architecture: architectures[arch()] ?? arch(),
  cpus: availableParallelism(),
  memoryMib: Math.floor(totalmem() / 2 ** 20),
  kernel: `${type()} ${release()}`.slice(0, 128),
  hostname: hostname().slice(0, 128),
  hugePagesMib: hugePages(),
  numaNodes: numaNodes(),
  hostDevices: hostDevices(allowedUsb),
  bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
})
