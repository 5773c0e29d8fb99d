/** A volume: one disk's content, lying in a datastore, outliving the machine that uses it. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'

export const volume = defineKind({
  name: 'volume',
  plural: 'volumes',
  title: { en: 'Volume', ko: '볼륨' },
  summary: "One disk's content, lying in a datastore",
  scope: 'project',
  version: 1,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    datastore: z.string().max(63).default('local').meta({ title: 'Datastore', description: 'Where it lies' }),
    sizeMib: z
      .int()
      .min(1)
      .max(limits.diskGibPerVolume * 1024)
      .optional()
      .meta({ title: 'Size', description: "Size that the guest sees; absent: the image's", unit: 'MiB' }),
    format: z
      .enum(['qcow2', 'raw'])
      .default('qcow2')
      .meta({ title: 'Format', description: 'How it is kept' }),
    image: z
      .string()
      .max(127)
      .nullable()
      .default(null)
      .meta({ title: 'Image', description: 'Whose content it starts with, as a linked clone; none: zeros' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['pending', 'creating', 'ready', 'failed', 'gone']).default('pending'),
    sizeBytes: z.number().default(0),
    storedBytes: z.number().default(0),
  }),
  fixed: ['datastore', 'format', 'image'],
  growing: ['sizeMib'],
  references: { datastore: 'datastore', image: 'image' },
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Size', ko: '크기' }, path: 'status.sizeBytes', as: 'bytes' },
    { title: { en: 'Stored', ko: '사용' }, path: 'status.storedBytes', as: 'bytes' },
    { title: { en: 'Datastore', ko: '데이터스토어' }, path: 'spec.datastore' },
    { title: { en: 'Host', ko: '호스트' }, path: 'host' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status }) => status.state === 'ready',
  hasFailed: ({ status }) => (status.state === 'failed' ? status.holds[0] : undefined),
})

export type VolumeSpec = z.output<typeof volume.spec>
export type VolumeStatus = z.output<typeof volume.status>
export type VolumeDocument = Document<VolumeSpec, VolumeStatus>
