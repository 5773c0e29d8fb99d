/** A volume: one disk's content, lying in a datastore, outliving the machine that uses it. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { Progress } from '#model/progress.ts'

export const volume = defineKind({
  name: 'volume',
  plural: 'volumes',
  title: { en: 'Volume', ko: '볼륨' },
  summary: "One disk's content, lying in a datastore",
  scope: 'project',
  version: 2,
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
      .meta({ title: 'Image', description: 'Whose content it starts with; none: zeros' }),
    snapshot: z
      .string()
      .max(127)
      .nullable()
      .default(null)
      .meta({ title: 'Snapshot', description: 'Snapshot whose content it starts with' }),
    /** Which volume of the snapshot, by name; absent: its only one. */
    snapshotVolume: z
      .string()
      .max(127)
      .nullable()
      .default(null)
      .meta({ title: 'Of volume', description: "Which of the snapshot's volumes" }),
    clone: z.enum(['linked', 'full']).default('linked').meta({
      title: 'Clone',
      description: '`linked`: only what changes is stored; `full`: a copy that stands alone',
    }),
    allocation: z.enum(['thin', 'full']).default('thin').meta({
      title: 'Allocation',
      description: '`thin`: takes room as it is written; `full`: takes its whole size at once',
    }),
    isEncrypted: z
      .boolean()
      .default(false)
      .meta({ title: 'Encrypted', description: 'Kept with LUKS; its key is made and kept by Decant' }),
    /** Which disk of the machine that owns it, set by Decant; null: none, or the one of a volume of before. */
    disk: z
      .string()
      .max(16)
      .nullable()
      .default(null)
      .meta({ title: 'Disk', description: 'Set by Decant: which disk of its machine it was made for' }),
    /** Raised by a revert, with the snapshot to go back to; set by the machine's revert. */
    revert: z
      .strictObject({ snapshot: z.string().max(127), at: z.int().min(1) })
      .nullable()
      .default(null)
      .meta({ title: 'Revert', description: 'Set by the revert of its machine' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['pending', 'creating', 'ready', 'failed', 'gone']).default('pending'),
    sizeBytes: z.number().default(0),
    storedBytes: z.number().default(0),
    /** Bytes of its layers, those shared with other volumes included. */
    layers: z.int().default(0),
    /** Where it lies, which differs from the wish while it is moved. */
    datastore: z.string().max(63).default(''),
    /** The revert that has been carried out last. */
    revertedAt: z.int().default(0),
    /** A copy, move or merge under way. */
    progress: Progress.nullable().default(null),
  }),
  fixed: ['format', 'image', 'snapshot', 'snapshotVolume', 'clone', 'allocation', 'isEncrypted'],
  growing: ['sizeMib'],
  references: { datastore: 'datastore', image: 'image', snapshot: 'snapshot' },
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
