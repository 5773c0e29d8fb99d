/** What a guest demands of its host and of its machine, checked as a whole before anything is started. */

import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Body, Feature } from '../port.ts'
import { missingSataPorts } from './command/disks.ts'
import { topologyOf } from './command/machine.ts'
import type { Architecture } from './command/part.ts'

type Demand = readonly [isMade: boolean, feature: Feature['name'], what: string]

const demandsOf = ({ spec, disks, kernel, plugs }: Body): readonly Demand[] => {
  const { shape } = spec
  const bootsFromNetwork = shape.bootOrder[0] === 'network' && kernel === null && plugs.length > 0
  return [
    [isUefi(spec.shape), 'uefi', 'UEFI'],
    [shape.isSecureBoot, 'secure-boot', 'secure boot'],
    [shape.hasTpm, 'tpm', 'a TPM'],
    [shape.shares.length > 0, 'shares', 'a shared folder'],
    [shape.hugePages === '2MiB', 'huge-pages-2mib', 'huge pages of 2 MiB'],
    [shape.hugePages === '1GiB', 'huge-pages-1gib', 'huge pages of 1 GiB'],
    [disks.some(({ io }) => io === 'io-uring'), 'io-uring', 'I/O by io_uring'],
    [bootsFromNetwork && shape.firmware !== 'uefi', 'net-boot', 'to boot from the network'],
    [shape.hostDevices.some(({ bus }) => bus === 'pci'), 'host-pci', 'a PCI device of the host'],
    [shape.hostDevices.some(({ bus }) => bus === 'usb'), 'host-usb', 'a USB device of the host'],
  ]
}

export const isUefi = ({ firmware, isSecureBoot }: Body['spec']['shape']) =>
  firmware === 'uefi' || isSecureBoot

/** Problem `feature/not-here` for the first demand that cannot be met here. */
export function requireHere(body: Body, features: readonly Feature[], architecture: Architecture): void {
  for (const [isMade, name, what] of demandsOf(body)) {
    const feature = features.find((each) => each.name === name)
    if (isMade && feature?.isHere !== true)
      throw new Problem('feature/not-here', { what, why: feature?.why ?? 'this hypervisor lacks it' })
  }
  for (const [isWrong, what, why] of [...contradictions(body, architecture), ...onMicrovm(body)])
    if (isWrong) throw new Problem('feature/not-here', { what, why })
}

type Contradiction = readonly [isWrong: boolean, what: string, why: string]

function contradictions(body: Body, architecture: Architecture): readonly Contradiction[] {
  const { spec, disks } = body
  const { shape } = spec
  const { cores } = topologyOf(body)
  const isArm = architecture === 'aarch64'
  return [
    [
      isArm && disks.some(({ bus }) => bus === 'sata'),
      'a disk on SATA',
      'this architecture has no such controller',
    ],
    [!isArm && missingSataPorts({ body, architecture }) > 0, 'so many SATA drives', 'q35 has six ports'],
    [
      disks.some(({ io, cache }) => io === 'native' && cache !== 'none'),
      'native I/O with a cache',
      'it bypasses caches: set cache to none',
    ],
    [!Number.isInteger(cores), 'this CPU topology', `${cores} cores per socket are no whole number`],
    [shape.screens > 1 && shape.screen !== 'virtio', 'several screens', 'only the virtio screen has them'],
    [
      shape.numaNodes > 1 && shape.numaNodes > spec.memoryMib / 2,
      'so many NUMA nodes',
      'there is too little memory for each',
    ],
    [isArm && shape.watchdog !== 'none', 'a watchdog', 'this architecture has none here'],
  ]
}

/** What needs a PCI bus. */
function onMicrovm({ spec, disks, plugs, cdroms }: Body): readonly Contradiction[] {
  if (spec.machineType !== 'microvm') return []
  const { shape } = spec
  const why = 'a microvm has no such bus'
  return [
    [disks.some(({ bus }) => bus !== 'virtio'), 'a disk that is not on virtio', why],
    [plugs.some(({ model }) => model !== 'virtio'), 'a network card that is not virtio', why],
    [cdroms.length > 0, 'a drive for media', why],
    [isUefi(shape), 'UEFI', 'a microvm boots kernels'],
    [shape.hasTpm, 'a TPM', why],
    [shape.watchdog !== 'none', 'a watchdog', why],
    [shape.hostDevices.length > 0, 'a device of the host', why],
    [shape.numaNodes > 1, 'NUMA', 'a microvm has one node'],
    [
      (shape.cpusMax ?? 0) > spec.cpus,
      'to add CPUs while it runs',
      'a microvm has as many as it starts with',
    ],
    [
      (shape.memoryMaxMib ?? 0) > spec.memoryMib,
      'to add memory while it runs',
      'a microvm has as much as it starts with',
    ],
  ]
}

/** Everything is checked once more at this door, whoever it came from. */
export function requirePlain(body: Body) {
  if (!isPlain(body)) throw new Problem('request/invalid', { field: 'guest', why: 'is not a plain body' })
}

function isPlain({ spec, disks, plugs, cdroms, word, generationId }: Body) {
  const ids = [...disks, ...plugs, ...cdroms].map(({ id }) => id)
  const { shape } = spec
  return (
    ids.every(isPartId) &&
    new Set(ids).size === ids.length &&
    /^[\w-]{1,64}$/.test(word) &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(generationId) &&
    /^[\w.-]{1,64}$/.test(shape.cpuModel) &&
    shape.shares.every(({ tag }) => /^[\w-]{1,36}$/.test(tag)) &&
    shape.hostDevices.every(({ address }) => /^[0-9a-f:.]{1,16}$/.test(address)) &&
    disks.every((disk) => isPlainKeys(disk)) &&
    plugs.every(isPlainPlug) &&
    spec.cpus >= 1 &&
    Math.max(spec.cpus, shape.cpusMax ?? 0) <= limits.vcpusPerMachine
  )
}

/** A name under which QEMU can keep a part: a letter first, nothing with a meaning. */
export const isPartId = (id: string) => /^[a-z][a-z0-9]{0,15}$/.test(id)

export const isPlainKeys = ({ keys, key, backing }: Body['disks'][number]) =>
  [...Object.keys(keys), key, ...backing.map((layer) => layer.key)].every(
    (name) => name === null || /^[\w.-]{1,64}$/.test(name),
  )

export const isPlainPlug = (plug: Body['plugs'][number]) =>
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(plug.mac) &&
  (plug.driver !== 'tap' || /^[\w.-]{1,15}$/.test(plug.interface))
