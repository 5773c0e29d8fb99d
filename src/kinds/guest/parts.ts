/** The parts of a guest as its host is told of them. */

import { z } from 'zod'
import { limits } from '#model/limits.ts'

export const Forward = z.strictObject({
  protocol: z.enum(['tcp', 'udp']).default('tcp').meta({ title: 'Protocol' }),
  address: z
    .ipv4()
    .default('127.0.0.1')
    .meta({ title: 'Host address', description: 'Address of the host on which it listens' }),
  hostPort: z.int().min(0).max(65535).default(0).meta({ title: 'Host port', description: '0: any free one' }),
  guestPort: z.int().min(1).max(65535).meta({ title: 'Guest port' }),
})
export type Forward = z.output<typeof Forward>

export const GuestDisk = z.strictObject({
  /** Short name within the guest: `disk0`. */
  id: z.string().max(16),
  volume: z.string(),
  volumeName: z.string(),
  datastore: z.string(),
  format: z.enum(['qcow2', 'raw']),
  isReadOnly: z.boolean(),
  bus: z.enum(['virtio', 'scsi', 'sata', 'nvme', 'usb']).default('virtio'),
  cache: z.enum(['none', 'writeback', 'writethrough', 'unsafe']).default('writeback'),
  io: z.enum(['auto', 'threads', 'native', 'io-uring']).default('auto'),
  discard: z.boolean().default(true),
  iops: z.int().nullable().default(null),
  mibPerSecond: z.int().nullable().default(null),
  /** Whether a key must be had to open it. */
  isEncrypted: z.boolean().default(false),
  /** What the guest should see at least; null: whatever is there. */
  sizeBytes: z.number().nullable().default(null),
})
export type GuestDisk = z.output<typeof GuestDisk>

/** A drive for read-only media: `cdrom0`; null: it is empty. */
export const GuestCdrom = z.strictObject({
  id: z.string().max(16),
  image: z.string().nullable(),
  datastore: z.string(),
})

export const GuestNic = z.strictObject({
  /** Short name within the guest: `net0`. */
  id: z.string().max(16),
  network: z.string(),
  driver: z.enum(['user', 'bridge']),
  mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  isRestricted: z.boolean(),
  model: z.enum(['virtio', 'e1000e', 'e1000', 'rtl8139', 'vmxnet3']).default('virtio'),
  mtu: z.int().default(1500),
  isLinkUp: z.boolean().default(true),
  /** What the controller reserved for it; null: nothing. */
  address4: z.string().nullable().default(null),
  address6: z.string().nullable().default(null),
  /** Ids of its security groups. */
  groups: z.array(z.string()).max(limits.groupsPerNic).default([]),
  isFiltered: z.boolean().default(true),
  mbitIn: z.int().nullable().default(null),
  mbitOut: z.int().nullable().default(null),
  forwards: z.array(Forward).max(64),
})
export type GuestNic = z.output<typeof GuestNic>

/** A disk or host port that is no longer wished and that a running guest may still have. */
export const Leaving = z.strictObject({
  claim: z.string().max(256),
  /** The volume, where it is one. */
  volume: z.string().nullable(),
  volumeName: z.string().nullable(),
  /** The first generation of the guest's wish that did without it. */
  generation: z.int(),
})
export type Leaving = z.output<typeof Leaving>

/** How the guest is shaped besides its parts; what is absent in an old document is as it always was. */
export const GuestShape = z.strictObject({
  firmware: z.enum(['auto', 'bios', 'uefi']).default('auto'),
  isSecureBoot: z.boolean().default(false),
  hasTpm: z.boolean().default(false),
  cpuModel: z.string().max(64).default('auto'),
  sockets: z.int().nullable().default(null),
  threads: z.int().default(1),
  cpusMax: z.int().nullable().default(null),
  memoryMaxMib: z.int().nullable().default(null),
  hugePages: z.enum(['none', '2MiB', '1GiB']).default('none'),
  numaNodes: z.int().default(1),
  hasBalloon: z.boolean().default(true),
  watchdog: z.enum(['none', 'reset', 'poweroff', 'pause']).default('none'),
  screen: z.enum(['none', 'vga', 'virtio']).default('vga'),
  screens: z.int().default(1),
  hasGuestAgent: z.boolean().default(true),
  bootOrder: z
    .array(z.enum(['disk', 'cdrom', 'network']))
    .max(3)
    .default(['disk', 'cdrom', 'network']),
  machineVersion: z.string().max(64).nullable().default(null),
  shares: z
    .array(z.strictObject({ tag: z.string(), folder: z.string(), isReadOnly: z.boolean() }))
    .max(8)
    .default([]),
  hostDevices: z
    .array(z.strictObject({ bus: z.enum(['pci', 'usb']), address: z.string() }))
    .max(16)
    .default([]),
})
export type GuestShape = z.output<typeof GuestShape>
