/** Carries out volume steps on a host. One line per step; to decide is the planner's work. */

import type { Datastore } from '#drivers/datastore/port.ts'
import type { VolumeStep } from './plan.ts'
import type { VolumeSpec } from './schema.ts'

type Hands = { [Do in VolumeStep['do']]: (step: Extract<VolumeStep, { do: Do }>) => Promise<void> }

export const volumeHands = (
  id: string,
  {
    datastore,
    format,
    image,
    signal,
  }: { datastore: Datastore; format: VolumeSpec['format']; image: string | null; signal: AbortSignal },
): Hands => ({
  create: ({ sizeBytes }) => datastore.create(id, { format, sizeBytes, image }, signal),
  grow: ({ sizeBytes }) => datastore.grow(id, sizeBytes, signal),
  remove: () => datastore.remove(id, signal),
})
