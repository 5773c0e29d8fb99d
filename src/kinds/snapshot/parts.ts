/** The moment of a snapshot with memory: what ran then, as it must run again for its memory to fit. */

import { z } from 'zod'
import { limits } from '#model/limits.ts'
import { GuestCdrom, GuestDisk, GuestNic, GuestShape } from '#kinds/guest/parts.ts'
import { BootDisk, Cdrom, Disk, Nic } from '#kinds/machine/parts.ts'

export const Moment = z.strictObject({
  cpus: z.int(),
  /** All that it had, and of it what it was begun with; the rest had come while it ran. */
  memoryMib: z.int(),
  memoryMinMib: z.int(),
  machineType: z.enum(['q35', 'microvm']),
  kernelImage: z.string().nullable(),
  kernelDatastore: z.string().nullable(),
  commandLine: z.string().max(1024),
  shape: GuestShape,
  /** Versioned machine type and CPU model, and what ran it. */
  machineVersion: z.string().max(64).nullable(),
  accelerator: z.string().max(16),
  disks: z.array(GuestDisk).max(limits.disksPerMachine),
  nics: z.array(GuestNic).max(limits.nicsPerMachine),
  cdroms: z.array(GuestCdrom).max(limits.cdromsPerMachine),
  hasSeed: z.boolean(),
  /** The machine's own words for these parts: its wish goes back to them. */
  wish: z.strictObject({
    bootDisk: BootDisk,
    disks: z.array(Disk).max(limits.disksPerMachine),
    nics: z.array(Nic).max(limits.nicsPerMachine),
    cdroms: z.array(Cdrom).max(limits.cdromsPerMachine),
    cpuModel: z.string().max(64),
    machineVersion: z.string().max(64).nullable(),
    balloonMib: z.int().nullable(),
  }),
})
export type Moment = z.output<typeof Moment>
