/**
 * What this host can give a guest beyond the plain, and why not what it cannot. Looked at when asked: packages
 * come and huge pages go while an agent runs. What a guest needs is checked before anything is started.
 */

import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Feature } from '../port.ts'
import type { Firmware } from './command/part.ts'
import type { Emulator } from './emulator.ts'
import type { Means } from './jail/means.ts'

const ovmf = '/usr/share/OVMF'

/** Debian's OVMF with four mebibytes of flash; `.ms`: with the keys that vendors' boot loaders are signed with. */
export const firmwareOf = (isSecure: boolean): Firmware => ({
  code: `${ovmf}/OVMF_CODE_4M${isSecure ? '.ms' : ''}.fd`,
  settings: `${ovmf}/OVMF_VARS_4M${isSecure ? '.ms' : ''}.fd`,
})

export const bootRoms = '/usr/lib/ipxe/qemu/pxe-virtio.rom'
export const vhostNet = '/dev/vhost-net'

/** The first of Rust's virtiofsd (Debian 13) and C's (Debian 12) that is here. */
export const findShareServer = () =>
  ['/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd'].find((file) => existsSync(file))

export const findTpm = () => ['/usr/bin/swtpm', '/usr/local/bin/swtpm'].find((file) => existsSync(file))

/** Bytes of free huge pages of a size. */
export function freeHugeBytes(size: '2MiB' | '1GiB'): number {
  const kib = size === '2MiB' ? 2048 : 1_048_576
  return numberIn(`/sys/kernel/mm/hugepages/hugepages-${kib}kB/free_hugepages`) * kib * 1024
}

export function featuresOf(emulator: Emulator, means: Means): readonly Feature[] {
  const feature = (name: Feature['name'], isHere: boolean, whyNot: string): Feature => ({
    name,
    isHere,
    why: isHere ? '' : whyNot,
  })
  const isPc = emulator.architecture === 'x86_64'
  const onPc = isPc ? '' : 'only PCs (x86-64) have it here'
  const hasFirmware = (isSecure: boolean) => existsSync(firmwareOf(isSecure).code)
  const noFirmware = isPc ? 'the Debian package ovmf is not installed' : onPc
  return [
    feature('uefi', !isPc || hasFirmware(false), noFirmware),
    feature('secure-boot', isPc && hasFirmware(true), noFirmware),
    feature('tpm', findTpm() !== undefined, 'the Debian package swtpm is not installed'),
    feature('shares', means.isRoot && findShareServer() !== undefined, noShares(means)),
    feature('huge-pages-2mib', freeHugeBytes('2MiB') > 0, noHugePages),
    feature('huge-pages-1gib', freeHugeBytes('1GiB') > 0, noHugePages),
    feature('vhost', means.isRoot && isOpen(vhostNet), `the kernel has no ${vhostNet}`),
    feature('io-uring', emulator.hasIoUring, 'this QEMU is built without io_uring'),
    feature('net-boot', existsSync(bootRoms), 'the Debian package ipxe-qemu is not installed'),
    feature('host-pci', means.isRoot && hasIommu(), 'the IOMMU of this host is off or missing'),
    feature('host-usb', means.isRoot && existsSync('/dev/bus/usb'), 'this host has no USB'),
  ]
}

const noHugePages = 'no such pages are free on this host (see /proc/sys/vm/nr_hugepages)'

const noShares = ({ isRoot }: Means) =>
  isRoot
    ? 'virtiofsd is not installed (Debian package virtiofsd, before Debian 13 qemu-system-common)'
    : 'the agent is not root'

export const hasIommu = () =>
  existsSync('/sys/kernel/iommu_groups') && readdirSync('/sys/kernel/iommu_groups').length > 0

function isOpen(file: string) {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function numberIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8').trim()) || 0
  } catch {
    return 0
  }
}
