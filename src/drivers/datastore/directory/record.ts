/** What is kept beside a volume and an image. A guest owns its disk file, never this record of it. */

import { z } from 'zod'
import type { ImageSight } from '#drivers/datastore/port.ts'
import { readSmall, writeNew } from './place.ts'

/** Far more than a record has; a larger file is not ours. */
const recordBytes = 16_384

export const VolumeRecord = z.strictObject({
  version: z.literal(1),
  format: z.enum(['qcow2', 'raw']),
  /** The image beneath a linked clone; null for a disk that stands alone. */
  image: z.uuid().nullable(),
})
export type VolumeRecord = z.output<typeof VolumeRecord>

export const ImageRecord = z.strictObject({
  version: z.literal(1),
  virtualBytes: z.number(),
  sha256: z.string(),
  format: z.enum(['qcow2', 'raw']),
  boot: z.enum(['disk', 'kernel']),
  commandLine: z.string(),
  architecture: z.string(),
})
export type ImageRecord = z.output<typeof ImageRecord>

export type ImageFacts = Omit<ImageSight, 'state' | 'storedBytes'>

export async function readRecord<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = (await readSmall(file, recordBytes)).toString('utf8')
  return schema.parse(JSON.parse(text))
}

export async function writeRecord(file: string, record: VolumeRecord | ImageRecord): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`)
  await writeNew(file, [{ at: 0, bytes }], bytes.length)
}
