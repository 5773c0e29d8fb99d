/** A snapshot: a machine's disks, and its memory where wished, as they were at one moment. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { Progress } from '#model/progress.ts'
import { Moment } from './parts.ts'

/** One disk as it was. */
export const Layer = z.strictObject({
  disk: z.string().max(16),
  volume: z.string(),
  volumeName: z.string().max(127),
  datastore: z.string().max(63),
  sizeBytes: z.number(),
})
export type Layer = z.output<typeof Layer>

export const snapshot = defineKind({
  name: 'snapshot',
  plural: 'snapshots',
  title: { en: 'Snapshot', ko: '스냅샷' },
  summary: "A machine's disks, and its memory where wished, as they were at one moment",
  scope: 'project',
  version: 1,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    machine: z.string().max(127).meta({ title: 'Machine', description: 'Whose moment it is' }),
    withMemory: z
      .boolean()
      .default(false)
      .meta({ title: 'With memory', description: 'Whether the running guest is kept as well' }),
    freeze: z.enum(['auto', 'always', 'never']).default('auto').meta({
      title: 'Freeze',
      description:
        '`auto`: file systems are frozen through the guest agent where it answers; `always`: or there is no snapshot; `never`',
    }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['pending', 'creating', 'ready', 'failed', 'deleting', 'gone']).default('pending'),
    takenAtMs: z.number().nullable().default(null),
    /** Name of the snapshot that the machine stood on when this was taken; null: none. */
    parent: z.string().max(127).nullable().default(null),
    /** Id of that machine, and how often it had gone back to a snapshot when this one was wished; set by the controller. */
    machine: z.string().max(36).nullable().default(null),
    reverts: z.int().default(0),
    isFrozen: z.boolean().default(false),
    memoryBytes: z.number().default(0),
    layers: z.array(Layer).max(limits.disksPerMachine).default([]),
    /** How long the guest stood still for it. */
    pausedSeconds: z.number().nullable().default(null),
    /** What ran at its moment; null: its memory is not kept. */
    moment: Moment.nullable().default(null),
    progress: Progress.nullable().default(null),
  }),
  fixed: ['machine', 'withMemory', 'freeze'],
  references: { machine: 'machine' },
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Machine', ko: '머신' }, path: 'spec.machine' },
    { title: { en: 'Taken', ko: '생성 후' }, path: 'status.takenAtMs', as: 'age' },
    { title: { en: 'Parent', ko: '부모' }, path: 'status.parent' },
    { title: { en: 'Memory', ko: '메모리' }, path: 'status.memoryBytes', as: 'bytes' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status }) => status.state === 'ready',
  hasFailed: ({ status }) => (status.state === 'failed' ? status.holds[0] : undefined),
})

export type SnapshotSpec = z.output<typeof snapshot.spec>
export type SnapshotStatus = z.output<typeof snapshot.status>
export type SnapshotDocument = Document<SnapshotSpec, SnapshotStatus>
