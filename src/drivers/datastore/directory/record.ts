/** What is kept beside a volume and an image. A guest owns its disk file, never this record of it. */

import { rename, rm } from 'node:fs/promises'
import { z } from 'zod'
import { Appliance } from '#kinds/image/parts.ts'
import type { ImageSight } from '#drivers/datastore/port.ts'
import type { Strata } from '#drivers/ground/strata.ts'
import { readSmall, writeNew } from './place.ts'

/** Far more than a record has, with all layers that a volume may have; a larger file is not ours. */
const recordBytes = 262_144

export const VolumeRecord = z.strictObject({
  version: z.literal(1),
  format: z.enum(['qcow2', 'raw']),
  /** The image beneath a linked clone; null for a disk that stands alone. */
  image: z.uuid().nullable(),
})
export type VolumeRecord = z.output<typeof VolumeRecord>

const nodeName = z.union([z.literal('disk'), z.uuid()])
const Base = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('image'), image: z.uuid() }),
  z.strictObject({ is: z.literal('node'), volume: z.uuid(), node: nodeName }),
])

/** `chain.json`: what the volume is made of, once that is more than `volume.json` can say. */
export const StrataRecord: z.ZodType<Strata> = z.strictObject({
  version: z.literal(1),
  top: nodeName.nullable(),
  nodes: z.record(
    nodeName,
    z.strictObject({
      format: z.enum(['qcow2', 'raw']),
      on: Base.nullable(),
      key: z.string().max(64).nullable(),
    }),
  ),
  layers: z.record(z.uuid(), nodeName),
  next: z.strictObject({ snapshot: z.uuid(), node: nodeName }).nullable(),
  reverted: z.strictObject({ snapshot: z.uuid(), at: z.int() }).nullable(),
  isArriving: z.boolean(),
}) as z.ZodType<Strata>

export const ImageRecord = z.strictObject({
  version: z.literal(1),
  virtualBytes: z.number(),
  sha256: z.string(),
  format: z.enum(['qcow2', 'raw']),
  boot: z.enum(['disk', 'kernel']),
  commandLine: z.string(),
  architecture: z.string(),
  cameAs: z.string().default(''),
  medium: z.enum(['disk', 'cdrom']).default('disk'),
  appliance: Appliance.nullable().default(null),
  /** SHA-256 of its disk as it lies here; empty: not shared. */
  content: z.string().default(''),
})
export type ImageRecord = z.output<typeof ImageRecord>

export type ImageFacts = Omit<ImageSight, 'state' | 'storedBytes'>

export async function readRecord<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = (await readSmall(file, recordBytes)).toString('utf8')
  return schema.parse(JSON.parse(text))
}

export async function writeRecord(file: string, record: VolumeRecord | ImageRecord | Strata): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`)
  await writeNew(file, [{ at: 0, bytes }], bytes.length)
}

/** Replaces a record at once; the caller syncs the folder. */
export async function replaceRecord(file: string, record: Strata): Promise<void> {
  await rm(`${file}.new`, { force: true })
  await writeRecord(`${file}.new`, record)
  await rename(`${file}.new`, file)
}
