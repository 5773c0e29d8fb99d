/** The fields of a machine: what people wish of it, and what they are told of it. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import { limits } from '#model/limits.ts'
import { GuestInside } from '#kinds/guest/schema.ts'
import { FirstBoot } from './first-boot.ts'
import { BootDisk, Cdrom, Disk, HostDevice, Nic, Share } from './parts.ts'

export const MachineSpec = z.strictObject({
  image: z
    .string()
    .max(127)
    .nullable()
    .default(null)
    .meta({ title: 'Image', description: 'What its boot disk starts with; none: an empty disk' }),
  cpus: z
    .int()
    .min(1)
    .max(limits.vcpusPerMachine)
    .default(1)
    .meta({ title: 'CPUs', description: 'Virtual CPUs' }),
  memoryMib: z
    .int()
    .min(32)
    .max(limits.memoryMibPerMachine)
    .default(256)
    .meta({ title: 'Memory', description: 'Guest memory', unit: 'MiB' }),
  diskMib: z
    .int()
    .min(1)
    .max(limits.diskGibPerVolume * 1024)
    .optional()
    .meta({ title: 'Boot disk', description: "Size of the boot disk; absent: the image's", unit: 'MiB' }),
  datastore: z
    .string()
    .max(63)
    .default('local')
    .meta({ title: 'Datastore', description: 'Where its boot disk lies' }),
  bootDisk: BootDisk.default(BootDisk.parse({})).meta({
    title: 'Boot disk options',
    description: 'How the boot disk is kept and attached',
  }),
  disks: z
    .array(Disk)
    .max(limits.disksPerMachine - 1)
    .default([])
    .meta({ title: 'More disks', description: 'Disks besides the boot disk' }),
  cdroms: z.array(Cdrom).max(limits.cdromsPerMachine).default([]).meta({ title: 'CD drives' }),
  nics: z
    .array(Nic)
    .max(limits.nicsPerMachine)
    .default([Nic.parse({})])
    .meta({ title: 'NICs', description: 'What it is plugged into' }),
  machineType: z
    .enum(['q35', 'microvm'])
    .default('q35')
    .meta({ title: 'Machine type', description: '`q35`: a PC; `microvm`: minimal, kernel images only' }),
  machineVersion: z
    .string()
    .max(64)
    .regex(/^[a-z0-9.-]+$/)
    .nullable()
    .default(null)
    .meta({
      title: 'Machine version',
      description: 'Such as pc-q35-7.2; none: noted at the first boot and kept',
    }),
  firmware: z
    .enum(['auto', 'bios', 'uefi'])
    .default('auto')
    .meta({ title: 'Firmware', description: '`auto`: what the image needs, else BIOS' }),
  isSecureBoot: z.boolean().default(false).meta({
    title: 'Secure boot',
    description: 'Only signed boot loaders; needs UEFI',
  }),
  hasTpm: z.boolean().default(false).meta({ title: 'TPM', description: 'A virtual TPM 2.0' }),
  cpuModel: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9._-]+$/)
    .default('auto')
    .meta({
      title: 'CPU model',
      description: '`auto`: all that the host has; `baseline`: what every host of the pool has; or a name',
    }),
  sockets: z.int().min(1).max(64).nullable().default(null).meta({
    title: 'Sockets',
    description: 'None: one',
  }),
  threads: z.int().min(1).max(8).default(1).meta({ title: 'Threads per core' }),
  cpusMax: z
    .int()
    .min(1)
    .max(limits.vcpusPerMachine)
    .nullable()
    .default(null)
    .meta({ title: 'Most CPUs', description: 'To how many it can grow while it runs; none: as they are' }),
  memoryMaxMib: z.int().min(32).max(limits.memoryMibPerMachine).nullable().default(null).meta({
    title: 'Most memory',
    description: 'To how much it can grow while it runs; none: as it is',
    unit: 'MiB',
  }),
  balloonMib: z.int().min(32).max(limits.memoryMibPerMachine).nullable().default(null).meta({
    title: 'Balloon',
    description: 'How much of its memory the balloon leaves it; none: all',
    unit: 'MiB',
  }),
  hugePages: z.enum(['none', '2MiB', '1GiB']).default('none').meta({ title: 'Huge pages' }),
  numaNodes: z.int().min(1).max(16).default(1).meta({
    title: 'NUMA nodes',
    description: 'Into how many nodes CPUs and memory are divided',
  }),
  watchdog: z.enum(['none', 'reset', 'poweroff', 'pause']).default('none').meta({
    title: 'Watchdog',
    description: 'What happens when the guest no longer feeds it',
  }),
  screen: z.enum(['none', 'vga', 'virtio']).default('vga').meta({ title: 'Screen' }),
  screens: z.int().min(1).max(4).default(1).meta({ title: 'Screens', description: 'virtio only' }),
  hasGuestAgent: z.boolean().default(true).meta({
    title: 'Guest agent',
    description: 'Whether a guest agent inside is listened to',
  }),
  bootOrder: z
    .array(z.enum(['disk', 'cdrom', 'network']))
    .min(1)
    .max(3)
    .default(['disk', 'cdrom', 'network'])
    .meta({ title: 'Boot order' }),
  shares: z
    .array(Share)
    .max(limits.sharesPerMachine)
    .default([])
    .meta({ title: 'Shares', description: 'Folders of the host that the guest can mount' }),
  hostDevices: z
    .array(HostDevice)
    .max(limits.passthroughPerMachine)
    .default([])
    .meta({ title: 'Host devices', description: 'Devices of the host that it has to itself' }),
  firstBoot: FirstBoot.nullable()
    .default(null)
    .meta({ title: 'First boot', description: 'What cloud-init is told' }),
  /** Whose disks it starts with; fixed. */
  cloneOf: z
    .strictObject({
      machine: z.string().max(127),
      snapshot: z.string().max(127).nullable().default(null),
      clone: z.enum(['linked', 'full']).default('linked'),
    })
    .nullable()
    .default(null)
    .meta({ title: 'Clone of', description: 'Machine, and snapshot of it, whose disks it starts with' }),
  /** Raised by revert, with the snapshot to go back to. */
  revert: z
    .strictObject({ snapshot: z.string().max(127), at: z.int().min(1) })
    .nullable()
    .default(null)
    .meta({ title: 'Revert', description: 'Set by revert: the snapshot to go back to' }),
  power: z
    .enum(['on', 'off', 'paused'])
    .default('on')
    .meta({ title: 'Power', description: 'Whether it should run' }),
  /** Raised by start and reboot: the guest boots once for each. */
  boot: z
    .int()
    .min(1)
    .default(1)
    .meta({ title: 'Boot', description: 'Which boot is wished; start and reboot raise it' }),
  forceAfterSeconds: z.int().min(0).max(3600).default(60).meta({
    title: 'Force after',
    description: 'How long a guest may take to power down before it is forced',
    unit: 'seconds',
  }),
  /** Set by a stop or reboot that says how long, gone with the next start. */
  forceOnceSeconds: z.int().min(0).max(3600).nullable().default(null).meta({
    title: 'Force once',
    description: 'Instead of force-after, for the power-down that was asked for last',
    unit: 'seconds',
  }),
  restart: z.enum(['on-failure', 'always', 'never']).default('on-failure').meta({
    title: 'Restart',
    description: 'When a guest that ended is started again: after a crash, always, never',
  }),
  hostLabels: z
    .record(z.string().max(63), z.string().max(63))
    .default({})
    .meta({ title: 'Host labels', description: 'Labels that its host must have' }),
})
export type MachineSpec = z.output<typeof MachineSpec>

export const MachineStatus = z.strictObject({
  ...statusBase,
  state: z
    .enum([
      'pending',
      'starting',
      'running',
      'paused',
      'stopping',
      'stopped',
      'crashed',
      'deleting',
      'unknown',
    ])
    .default('pending'),
  /** Since when, in milliseconds since 1970. */
  sinceMs: z.number().default(0),
  host: z.string().nullable().default(null),
  guest: z
    .strictObject({
      id: z.string(),
      pid: z.int().nullable(),
      epoch: z.int(),
      boot: z.int(),
      startedAtMs: z.number().nullable(),
      accelerator: z.string(),
      proof: z.strictObject({ word: z.string(), seenAtMs: z.number() }).nullable(),
    })
    .nullable()
    .default(null),
  bootVolume: z.string().nullable().default(null),
  forwards: z
    .array(
      z.strictObject({
        nic: z.string(),
        protocol: z.string(),
        address: z.string(),
        hostPort: z.int(),
        guestPort: z.int(),
      }),
    )
    .max(512)
    .default([]),
  /** The newest generation of its wish of which its holds tell all that has not come true. */
  reached: z.int().default(0),
  /** Fields whose new value waits for the next start. */
  restartRequired: z.array(z.string()).max(32).default([]),
  /** What the guest says of itself; null while it says nothing. */
  inside: GuestInside.nullable().default(null),
  /** Since when it is ready for use, and by what that is known. */
  ready: z
    .strictObject({ sinceMs: z.number(), by: z.enum(['word', 'agent', 'cloud-init']) })
    .nullable()
    .default(null),
  /** Addresses that the controller reserved, by NIC. */
  addresses: z
    .array(
      z.strictObject({
        nic: z.string(),
        network: z.string(),
        mac: z.string(),
        address4: z.string().nullable(),
        address6: z.string().nullable(),
      }),
    )
    .max(limits.nicsPerMachine)
    .default([]),
  /** Name of the snapshot that its disks stand on; null: none. */
  snapshot: z.string().nullable().default(null),
  /** The revert that has been carried out last. */
  revertedAt: z.int().default(0),
  /** A revert under way: which volumes were told to go back, each with its own count. */
  reverting: z
    .strictObject({
      at: z.int(),
      volumes: z.array(z.strictObject({ volume: z.string(), at: z.int() })).max(limits.disksPerMachine),
    })
    .nullable()
    .default(null),
  /** The memory of a snapshot that this boot goes on with; null: it boots. */
  memoryOf: z.strictObject({ snapshot: z.string(), boot: z.int() }).nullable().default(null),
  /** Machine type with version, and CPU model, as of its first boot. */
  machineVersion: z.string().max(64).nullable().default(null),
  /** The highest epoch that any body of it had. */
  epoch: z.int().default(0),
  /** The host that the placement chose, and out of how many that fitted. */
  placement: z.strictObject({ host: z.string(), candidates: z.int() }).nullable().default(null),
})
export type MachineStatus = z.output<typeof MachineStatus>
