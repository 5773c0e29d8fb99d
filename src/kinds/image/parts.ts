/** What an archive of a machine (OVA) says about the machine itself. Every text is a stranger's, made inert and short. */

import { z } from 'zod'

const text = z.string().max(128)

export const ApplianceDisk = z.strictObject({
  /** Name of the archive's member; empty: an empty disk. */
  member: z.string().max(255),
  capacityBytes: z.number(),
  bus: z.enum(['ide', 'sata', 'scsi', 'nvme', 'virtio', '']),
})

export const ApplianceNic = z.strictObject({
  /** What its network is called over there. */
  network: text,
  model: text,
})

export const Appliance = z.strictObject({
  name: text,
  description: z.string().max(512),
  system: text,
  cpus: z.int(),
  memoryMib: z.int(),
  firmware: z.enum(['bios', 'uefi', '']),
  disks: z.array(ApplianceDisk).max(32),
  nics: z.array(ApplianceNic).max(16),
  /** What stands in the description and has no place here, each once. */
  notCarried: z.array(text).max(64),
})

export type Appliance = z.output<typeof Appliance>
