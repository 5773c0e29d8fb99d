/** A user: somebody who may sign in, and what they may do. */

import { z } from 'zod'
import { roles } from '#model/access.ts'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'

export const BindingSchema = z.strictObject({
  project: z
    .string()
    .regex(/^(\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/)
    .meta({ title: 'Project', description: 'Name of the project; `*`: the whole pool' }),
  role: z.enum(roles).meta({ title: 'Role' }),
})

export const user = defineKind({
  name: 'user',
  plural: 'users',
  title: { en: 'User', ko: '사용자' },
  summary: 'Somebody who may sign in, and what they may do',
  scope: 'pool',
  version: 1,
  access: { read: 'admin', write: 'admin' },
  spec: z.strictObject({
    displayName: z.string().max(128).default('').meta({ title: 'Display name' }),
    bindings: z
      .array(BindingSchema)
      .max(256)
      .default([])
      .meta({ title: 'Roles', description: 'What they may do, per project' }),
    isDisabled: z
      .boolean()
      .default(false)
      .meta({ title: 'Disabled', description: 'While true, nothing of theirs is accepted' }),
  }),
  status: z.strictObject({ ...statusBase, lastSignInMs: z.number().nullable().default(null) }),
  fixed: [],
  references: {},
  deletion: 'at-once',
  columns: [
    { title: { en: 'Display name', ko: '표시 이름' }, path: 'spec.displayName' },
    { title: { en: 'Disabled', ko: '비활성' }, path: 'spec.isDisabled' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: () => true,
})

export type UserSpec = z.output<typeof user.spec>
export type UserStatus = z.output<typeof user.status>
export type UserDocument = Document<UserSpec, UserStatus>
