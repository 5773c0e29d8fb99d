/** A security group: what may reach the NICs that are in it, and what they may reach. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'

export const Rule = z.strictObject({
  direction: z.enum(['in', 'out']).default('in').meta({ title: 'Direction' }),
  protocol: z.enum(['tcp', 'udp', 'icmp', 'any']).default('tcp').meta({ title: 'Protocol' }),
  /** Both absent: every port. */
  fromPort: z.int().min(1).max(65535).nullable().default(null).meta({ title: 'From port' }),
  toPort: z
    .int()
    .min(1)
    .max(65535)
    .nullable()
    .default(null)
    .meta({ title: 'To port', description: 'Absent: the same as from' }),
  /** Who is at the other end: addresses, or the members of a group. Neither: anybody. */
  addresses: z
    .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))
    .max(limits.addressesPerRule)
    .default([])
    .meta({ title: 'Addresses', description: 'Subnets or addresses at the other end' }),
  group: z
    .string()
    .max(127)
    .nullable()
    .default(null)
    .meta({ title: 'Group', description: 'Security group whose members are at the other end' }),
})
export type Rule = z.output<typeof Rule>

export const securityGroup = defineKind({
  name: 'security-group',
  plural: 'security-groups',
  title: { en: 'Security group', ko: '보안 그룹' },
  summary: 'What may reach the NICs that are in it, and what they may reach',
  scope: 'project',
  version: 1,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    rules: z
      .array(Rule)
      .max(limits.rulesPerGroup)
      .default([])
      .meta({ title: 'Rules', description: 'What is allowed; all else into a NIC is refused' }),
    allowsOut: z.boolean().default(true).meta({
      title: 'Allows out',
      description: 'Whether everything may go out; otherwise only what rules allow',
    }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every project may use it' }),
  }),
  status: z.strictObject({
    ...statusBase,
    /** How many NICs are in it. */
    members: z.int().default(0),
  }),
  fixed: [],
  references: { 'rules.[].group': 'security-group' },
  deletion: 'at-once',
  columns: [
    { title: { en: 'Members', ko: '구성원' }, path: 'status.members' },
    { title: { en: 'Shared', ko: '공유' }, path: 'spec.isShared' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: () => true,
})

export type SecurityGroupSpec = z.output<typeof securityGroup.spec>
export type SecurityGroupStatus = z.output<typeof securityGroup.status>
export type SecurityGroupDocument = Document<SecurityGroupSpec, SecurityGroupStatus>
