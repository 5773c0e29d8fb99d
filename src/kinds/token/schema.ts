/** A token: a secret by which a program acts for a user, with no more than that user's rights. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { BindingSchema } from '#kinds/user/schema.ts'

export const token = defineKind({
  name: 'token',
  plural: 'tokens',
  title: { en: 'Token', ko: '토큰' },
  summary: "A secret by which a program acts for a user, with no more than that user's rights",
  scope: 'pool',
  version: 1,
  access: { read: 'admin', write: 'admin' },
  spec: z.strictObject({
    user: z.string().max(63).default('admin').meta({ title: 'User', description: 'For whom it acts' }),
    bindings: z
      .array(BindingSchema)
      .max(256)
      .optional()
      .meta({ title: 'Scope', description: "Narrows the user's roles; absent: all of them" }),
    expiresAtMs: z
      .number()
      .nullable()
      .default(null)
      .meta({ title: 'Expires', description: 'Milliseconds since 1970; none: never' }),
  }),
  status: z.strictObject({ ...statusBase, lastUsedMs: z.number().nullable().default(null) }),
  fixed: ['user'],
  references: { user: 'user' },
  deletion: 'at-once',
  columns: [
    { title: { en: 'User', ko: '사용자' }, path: 'spec.user' },
    { title: { en: 'Last used', ko: '마지막 사용' }, path: 'status.lastUsedMs', as: 'age' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: () => true,
})

export type TokenSpec = z.output<typeof token.spec>
export type TokenStatus = z.output<typeof token.status>
export type TokenDocument = Document<TokenSpec, TokenStatus>
