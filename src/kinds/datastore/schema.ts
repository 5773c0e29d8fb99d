/** A datastore: a place where volumes and images lie. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'

export const datastore = defineKind({
  name: 'datastore',
  plural: 'datastores',
  title: { en: 'Datastore', ko: '데이터스토어' },
  summary: 'A place where volumes and images lie',
  scope: 'pool',
  version: 3,
  access: { read: 'viewer', write: 'admin' },
  spec: z.strictObject({
    driver: z
      .enum(['directory', 'lvm-thin', 'nfs'])
      .default('directory')
      .meta({ title: 'Driver', description: 'How volumes are kept' }),
    host: z
      .string()
      .max(63)
      .nullable()
      .default(null)
      .meta({ title: 'Host', description: 'Host whose agent opens it; none: the only host of the pool' }),
    /** A folder allowed by the agent; `local` is the agent's own. */
    folder: z
      .string()
      .max(1024)
      .default('')
      .meta({ title: 'Folder', description: "Absolute folder on the host; empty: the agent's own" }),
    /** `group/pool` of lvm-thin; `server:/export` of nfs. */
    source: z
      .string()
      .max(512)
      .default('')
      .meta({ title: 'Source', description: 'lvm-thin: GROUP/POOL; nfs: SERVER:/EXPORT' }),
    warnAtPercent: z
      .int()
      .min(1)
      .max(100)
      .default(85)
      .meta({ title: 'Warn at', description: 'How full it may be before it says so', unit: 'percent' }),
    overcommit: z.number().min(1).max(1000).nullable().default(null).meta({
      title: 'Overcommit',
      description: 'How many times its capacity may be promised to volumes; none: no bound',
    }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every host reaches the same content' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['pending', 'ready', 'unusable']).default('pending'),
    capacityMib: z.int().default(0),
    freeMib: z.int().default(0),
    /** Whether the file system copies by reference (xfs, btrfs). */
    hasReflink: z.boolean().default(false),
    /** Sum of the sizes that its volumes may grow to. */
    promisedMib: z.int().default(0),
  }),
  fixed: ['driver', 'host', 'folder', 'source', 'isShared'],
  references: { host: 'host' },
  deletion: 'at-once',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Driver', ko: '드라이버' }, path: 'spec.driver' },
    { title: { en: 'Host', ko: '호스트' }, path: 'host' },
    { title: { en: 'Capacity', ko: '용량' }, path: 'status.capacityMib', as: 'MiB' },
    { title: { en: 'Free', ko: '여유' }, path: 'status.freeMib', as: 'MiB' },
    { title: { en: 'Promised', ko: '약속됨' }, path: 'status.promisedMib', as: 'MiB' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status }) => status.state === 'ready',
})

export type DatastoreSpec = z.output<typeof datastore.spec>
export type DatastoreStatus = z.output<typeof datastore.status>
export type DatastoreDocument = Document<DatastoreSpec, DatastoreStatus>
