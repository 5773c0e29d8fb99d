/** Past stored forms of machines, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import { isObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'

type Fields = Readonly<Record<string, unknown>>

const attachment = {
  bus: 'virtio',
  cache: 'writeback',
  io: 'auto',
  discard: true,
  isReadOnly: false,
  iops: null,
  mibPerSecond: null,
}

/** Until version 1 further disks were names of volumes, and parts had no names of their own. */
function diskFrom(volume: unknown, at: number): Fields {
  const made = { image: null, datastore: null, format: 'qcow2', isEncrypted: false }
  return { name: `disk${at + 1}`, volume, ...made, ...attachment }
}

const nicFrom = (nic: Fields, at: number): Fields => ({
  model: 'virtio',
  address4: null,
  address6: null,
  securityGroups: [],
  isLinkUp: true,
  mbitIn: null,
  mbitOut: null,
  ...nic,
  name: `net${at}`,
})

const shape = {
  bootDisk: { ...attachment, format: 'qcow2', isEncrypted: false, clone: 'linked' },
  cdroms: [],
  machineVersion: null,
  firmware: 'auto',
  isSecureBoot: false,
  hasTpm: false,
  cpuModel: 'auto',
  sockets: null,
  threads: 1,
  cpusMax: null,
  memoryMaxMib: null,
  balloonMib: null,
  hugePages: 'none',
  numaNodes: 1,
  watchdog: 'none',
  screen: 'vga',
  screens: 1,
  hasGuestAgent: true,
  bootOrder: ['disk', 'cdrom', 'network'],
  shares: [],
  hostDevices: [],
  firstBoot: null,
  cloneOf: null,
  revert: null,
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The wish of version 1 as one of version 2. A guest carries such a wish too. */
export function machineSpecFrom1(spec: Fields): Fields {
  return {
    ...shape,
    ...spec,
    disks: listOf(spec.disks).map(diskFrom),
    nics: listOf(spec.nics).filter(isObject).map(nicFrom),
  }
}

const statusFrom1 = (status: Fields): Fields => ({
  inside: null,
  ready: null,
  addresses: [],
  snapshot: null,
  revertedAt: 0,
  reverting: null,
  memoryOf: null,
  machineVersion: null,
  ...status,
})

export const machineLifts: Lifts = {
  1: (document: Document) => ({
    ...document,
    spec: machineSpecFrom1(document.spec as Fields),
    status: statusFrom1(document.status as Fields),
  }),
}
