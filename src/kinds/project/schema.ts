/** A project: whose things these are, who may touch them, and how much they may take. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import { defineKind } from '#model/kind.ts'

export const Quota = z.strictObject({
  machines: z.int().min(0).optional().meta({ title: 'Machines', description: 'How many machines' }),
  cpus: z.int().min(0).optional().meta({ title: 'CPUs', description: 'Virtual CPUs of all machines' }),
  memoryMib: z
    .int()
    .min(0)
    .optional()
    .meta({ title: 'Memory', description: 'Memory of all machines', unit: 'MiB' }),
  diskMib: z.int().min(0).optional().meta({ title: 'Disk', description: 'Size of all volumes', unit: 'MiB' }),
})

export const project = defineKind({
  name: 'project',
  plural: 'projects',
  title: { en: 'Project', ko: '프로젝트' },
  summary: 'Whose things these are, who may touch them, and how much they may take',
  scope: 'pool',
  version: 1,
  access: { read: 'viewer', write: 'admin' },
  spec: z.strictObject({
    quota: Quota.default({}).meta({
      title: 'Quota',
      description: 'What the project may take; absent: no bound',
    }),
  }),
  status: z.strictObject({
    ...statusBase,
    used: z
      .strictObject({ machines: z.int(), cpus: z.int(), memoryMib: z.int(), diskMib: z.int() })
      .default({ machines: 0, cpus: 0, memoryMib: 0, diskMib: 0 }),
  }),
  fixed: [],
  references: {},
  deletion: 'at-once',
  columns: [
    { title: { en: 'Machines', ko: '머신' }, path: 'status.used.machines' },
    { title: { en: 'CPUs', ko: 'CPU' }, path: 'status.used.cpus' },
    { title: { en: 'Memory', ko: '메모리' }, path: 'status.used.memoryMib', as: 'MiB' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: () => true,
})

export type ProjectSpec = z.output<typeof project.spec>
export type ProjectStatus = z.output<typeof project.status>
