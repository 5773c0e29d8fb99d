/** The parts of a machine as a person wishes them: disks, CD drives, NICs, shares, and what passes through. */

import { z } from 'zod'
import { limits } from '#model/limits.ts'
import { Forward } from '#kinds/guest/parts.ts'

/** How a disk is attached. */
export const attachment = {
  bus: z
    .enum(['virtio', 'scsi', 'sata', 'nvme', 'usb'])
    .default('virtio')
    .meta({ title: 'Bus', description: 'What kind of controller the guest sees; virtio is the quickest' }),
  cache: z.enum(['none', 'writeback', 'writethrough', 'unsafe']).default('writeback').meta({
    title: 'Cache',
    description: 'Host cache; all but `unsafe` keep what the guest has flushed over a power cut',
  }),
  io: z.enum(['auto', 'threads', 'native', 'io-uring']).default('auto').meta({ title: 'I/O' }),
  discard: z
    .boolean()
    .default(true)
    .meta({ title: 'Discard', description: 'Whether what the guest frees is given back' }),
  isReadOnly: z.boolean().default(false).meta({ title: 'Read-only' }),
  iops: z
    .int()
    .min(10)
    .max(10_000_000)
    .nullable()
    .default(null)
    .meta({ title: 'I/O per second', description: 'At most; none: no bound' }),
  mibPerSecond: z
    .int()
    .min(1)
    .max(1_000_000)
    .nullable()
    .default(null)
    .meta({ title: 'MiB per second', description: 'At most; none: no bound' }),
}

/** The boot disk's name within its machine. */
export const bootDiskName = 'disk0'

type Named = { readonly name?: string | undefined }

/** The name of a further disk, or of a NIC, within its machine; by its place where it has none. */
export const diskName = ({ name }: Named, at: number) => name ?? `disk${at + 1}`
export const nicName = ({ name }: Named, at: number) => name ?? `net${at}`

const partName = z.string().regex(/^[a-z][a-z0-9]{0,15}$/)

export const BootDisk = z.strictObject({
  ...attachment,
  format: z.enum(['qcow2', 'raw']).default('qcow2').meta({ title: 'Format' }),
  isEncrypted: z.boolean().default(false).meta({ title: 'Encrypted', description: 'Kept with LUKS' }),
  clone: z.enum(['linked', 'full']).default('linked').meta({ title: 'Clone' }),
})

/** Either an existing volume, or one that is made for the machine and goes with it. */
export const Disk = z.strictObject({
  name: partName.optional().meta({ title: 'Name', description: 'Within the machine; absent: by its place' }),
  volume: z
    .string()
    .max(127)
    .nullable()
    .default(null)
    .meta({ title: 'Volume', description: 'An existing volume; none: one is made for this machine' }),
  sizeMib: z
    .int()
    .min(1)
    .max(limits.diskGibPerVolume * 1024)
    .optional()
    .meta({ title: 'Size', description: 'Of the volume that is made', unit: 'MiB' }),
  image: z
    .string()
    .max(127)
    .nullable()
    .default(null)
    .meta({ title: 'Image', description: 'What the volume that is made starts with' }),
  datastore: z
    .string()
    .max(63)
    .nullable()
    .default(null)
    .meta({ title: 'Datastore', description: "Of the volume that is made; none: the machine's" }),
  format: z.enum(['qcow2', 'raw']).default('qcow2').meta({ title: 'Format' }),
  isEncrypted: z.boolean().default(false).meta({ title: 'Encrypted' }),
  ...attachment,
})
export type Disk = z.output<typeof Disk>

export const Cdrom = z.strictObject({
  image: z
    .string()
    .max(127)
    .nullable()
    .default(null)
    .meta({ title: 'Medium', description: 'An ISO image; none: the drive is empty' }),
})

const rate = (title: string) =>
  z
    .int()
    .min(1)
    .max(1_000_000)
    .nullable()
    .default(null)
    .meta({ title, description: 'At most; none: no bound' })

export const Nic = z.strictObject({
  name: partName.optional().meta({ title: 'Name', description: 'Within the machine; absent: by its place' }),
  network: z
    .string()
    .max(127)
    .default('default')
    .meta({ title: 'Network', description: 'Name of the network' }),
  mac: z
    .string()
    .regex(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
    .optional()
    .meta({
      title: 'MAC',
      description: "Locally administered unicast address; absent: made from the machine's id",
    }),
  model: z
    .enum(['virtio', 'e1000e', 'e1000', 'rtl8139', 'vmxnet3'])
    .default('virtio')
    .meta({ title: 'Model', description: 'What the guest sees; virtio is the quickest' }),
  address4: z
    .ipv4()
    .nullable()
    .default(null)
    .meta({ title: 'IPv4', description: 'Fixed address; none: the next free one' }),
  address6: z
    .ipv6()
    .nullable()
    .default(null)
    .meta({ title: 'IPv6', description: 'Fixed address; none: the next free one' }),
  securityGroups: z
    .array(z.string().max(127))
    .max(limits.groupsPerNic)
    .default([])
    .meta({ title: 'Security groups', description: 'What may reach it; none: nothing may' }),
  isLinkUp: z.boolean().default(true).meta({ title: 'Link', description: 'Whether the cable is plugged in' }),
  mbitIn: rate('Mbit/s in'),
  mbitOut: rate('Mbit/s out'),
  forwards: z
    .array(Forward)
    .max(limits.forwardsPerNic)
    .default([])
    .meta({ title: 'Forwards', description: 'Ports of the host that lead into the guest' }),
})

/** A folder of the host that the guest mounts by its tag (virtiofs). */
export const Share = z.strictObject({
  tag: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,35}$/)
    .meta({ title: 'Tag', description: 'By which the guest mounts it' }),
  folder: z
    .string()
    .max(1024)
    .regex(/^\//)
    .meta({ title: 'Folder', description: 'Absolute, below a folder that the host allows' }),
  isReadOnly: z.boolean().default(false).meta({ title: 'Read-only' }),
})

/** A device of the host that the guest has to itself. */
export const HostDevice = z.strictObject({
  bus: z.enum(['pci', 'usb']).meta({ title: 'Bus' }),
  address: z
    .string()
    .regex(/^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]{4}:[0-9a-f]{4})$/)
    .meta({ title: 'Address', description: 'PCI 0000:03:00.0, USB vendor:product' }),
})
