/** A network: what machines are plugged into. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'

export const network = defineKind({
  name: 'network',
  plural: 'networks',
  title: { en: 'Network', ko: '네트워크' },
  summary: 'What machines are plugged into',
  scope: 'project',
  version: 1,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    driver: z.enum(['user']).default('user').meta({
      title: 'Driver',
      description: "`user`: QEMU's user-mode network, needs no rights; each machine alone behind its host",
    }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every project may use it' }),
    isRestricted: z.boolean().default(false).meta({
      title: 'Restricted',
      description: 'Whether guests reach nothing outside but through forwards',
    }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['ready']).default('ready'),
  }),
  fixed: ['driver'],
  references: {},
  deletion: 'at-once',
  columns: [
    { title: { en: 'Driver', ko: '드라이버' }, path: 'spec.driver' },
    { title: { en: 'Shared', ko: '공유' }, path: 'spec.isShared' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: () => true,
})

export type NetworkSpec = z.output<typeof network.spec>
export type NetworkStatus = z.output<typeof network.status>
export type NetworkDocument = Document<NetworkSpec, NetworkStatus>
