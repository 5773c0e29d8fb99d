/** An image: an immutable disk content, or kernel with disk, from which machines are made. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { reason } from '#model/plan.ts'

export const Progress = z.strictObject({
  step: z.string().max(200),
  /** From 0 to 1; null while unknown. */
  fraction: z.number().nullable(),
  etaSeconds: z.number().nullable(),
})

export const image = defineKind({
  name: 'image',
  plural: 'images',
  title: { en: 'Image', ko: '이미지' },
  summary: 'An immutable disk content from which machines are made',
  scope: 'project',
  version: 1,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    source: z.enum(['upload', 'starter']).default('upload').meta({
      title: 'Source',
      description: "`upload`: content sent by PUT; `starter`: built from Debian's kernel and busybox",
    }),
    format: z
      .enum(['auto', 'qcow2', 'raw'])
      .default('auto')
      .meta({ title: 'Format', description: 'Format of the content; `auto` reads its header' }),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .meta({ title: 'SHA-256', description: 'What the content must hash to' }),
    datastore: z.string().max(63).default('local').meta({ title: 'Datastore', description: 'Where it lies' }),
    architecture: z.enum(['x86_64', 'aarch64', 'any']).default('any').meta({ title: 'Architecture' }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every project may use it' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z
      .enum(['pending', 'waiting', 'uploading', 'building', 'ready', 'failed', 'gone'])
      .default('pending'),
    progress: Progress.nullable().default(null),
    /** Size of the disk that a guest sees, in bytes. */
    virtualBytes: z.number().default(0),
    /** Bytes that it takes in the datastore. */
    storedBytes: z.number().default(0),
    sha256: z.string().max(64).default(''),
    format: z.string().max(16).default(''),
    /** Whether the host loads its kernel (starter) or the firmware boots its disk. */
    boot: z.enum(['disk', 'kernel']).default('disk'),
    commandLine: z.string().max(1024).default(''),
    architecture: z.string().max(16).default(''),
  }),
  fixed: ['source', 'datastore', 'sha256', 'format'],
  references: { datastore: 'datastore' },
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Size', ko: '크기' }, path: 'status.virtualBytes', as: 'bytes' },
    { title: { en: 'Datastore', ko: '데이터스토어' }, path: 'spec.datastore' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status }) => status.state === 'ready',
  hasFailed: ({ status }) =>
    status.state === 'failed' ? (status.holds[0] ?? reason('image/failed', { why: '?' })) : undefined,
})

export type ImageSpec = z.output<typeof image.spec>
export type ImageStatus = z.output<typeof image.status>
export type ImageDocument = Document<ImageSpec, ImageStatus>
