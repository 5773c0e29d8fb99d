/** Past stored forms of guests, and how each becomes the next. Kept for ever, so nothing here reads a schema. */

import { isObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Lifts } from '#model/history.ts'
import { machineSpecFrom1 } from '#kinds/machine/history.ts'

type Fields = Readonly<Record<string, unknown>>

const disk = {
  bus: 'virtio',
  cache: 'writeback',
  io: 'auto',
  discard: true,
  iops: null,
  mibPerSecond: null,
  isEncrypted: false,
  sizeBytes: null,
}
const nic = {
  model: 'virtio',
  mtu: 1500,
  isLinkUp: true,
  address4: null,
  address6: null,
  groups: [],
  isFiltered: true,
  mbitIn: null,
  mbitOut: null,
}
const shape = {
  firmware: 'auto',
  isSecureBoot: false,
  hasTpm: false,
  cpuModel: 'auto',
  sockets: null,
  threads: 1,
  cpusMax: null,
  memoryMaxMib: null,
  hugePages: 'none',
  numaNodes: 1,
  hasBalloon: true,
  watchdog: 'none',
  screen: 'vga',
  screens: 1,
  hasGuestAgent: true,
  bootOrder: ['disk', 'cdrom', 'network'],
  machineVersion: null,
  shares: [],
  hostDevices: [],
}
const fresh = {
  leaving: [],
  cdroms: [],
  shape,
  balloonMib: null,
  firstBoot: null,
  instance: '',
  memoryOf: null,
}

const each = (list: unknown, more: Fields): readonly Fields[] =>
  (Array.isArray(list) ? list : []).filter(isObject).map((part) => ({ ...more, ...part }))

const specFrom1 = (spec: Fields): Fields => ({
  ...fresh,
  ...spec,
  disks: each(spec.disks, disk),
  nics: each(spec.nics, nic),
  machineSpec: machineSpecFrom1(isObject(spec.machineSpec) ? spec.machineSpec : {}),
})

export const guestLifts: Lifts = {
  1: (document: Document) => ({
    ...document,
    spec: specFrom1(document.spec as Fields),
    status: {
      generation: 0,
      inside: null,
      ready: null,
      machineVersion: null,
      ...(document.status as Fields),
    },
  }),
}
