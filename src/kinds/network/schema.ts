/** A network: what machines are plugged into. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'

const isBridge = { description: 'bridge networks only' }

export const network = defineKind({
  name: 'network',
  plural: 'networks',
  title: { en: 'Network', ko: '네트워크' },
  summary: 'What machines are plugged into',
  scope: 'project',
  version: 2,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    driver: z.enum(['user', 'bridge']).default('user').meta({
      title: 'Driver',
      description:
        "`user`: needs no rights; each machine alone behind its host; `bridge`: machines see each other, the host's kernel carries them",
    }),
    mode: z.enum(['nat', 'isolated', 'routed', 'bridged']).default('nat').meta({
      title: 'Mode',
      description:
        '`nat`: out through the host; `isolated`: only each other; `routed`: out without translation; `bridged`: onto a physical interface',
    }),
    subnet4: z
      .cidrv4()
      .nullable()
      .default(null)
      .meta({ title: 'IPv4 subnet', description: 'Such as 10.20.0.0/24; the first address is the host' }),
    subnet6: z
      .cidrv6()
      .nullable()
      .default(null)
      .meta({ title: 'IPv6 subnet', description: 'Such as fd00:20::/64; the first address is the host' }),
    domain: z
      .string()
      .max(253)
      .regex(/^$|^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/)
      .default('')
      .meta({ title: 'Domain', description: 'DNS domain of its machines; empty: NETWORK.internal' }),
    hasDhcp: z
      .boolean()
      .default(true)
      .meta({ title: 'DHCP', ...isBridge }),
    dns: z
      .array(z.union([z.ipv4(), z.ipv6()]))
      .max(8)
      .default([])
      .meta({ title: 'DNS servers', description: "Told to machines besides the network's own" }),
    mtu: z.int().min(1280).max(9216).default(1500).meta({ title: 'MTU', unit: 'bytes' }),
    interface: z
      .string()
      .max(15)
      .regex(/^$|^[A-Za-z0-9_.-]+$/)
      .default('')
      .meta({ title: 'Interface', description: 'Physical interface of the hosts, for `bridged`' }),
    vlan: z
      .int()
      .min(1)
      .max(4094)
      .nullable()
      .default(null)
      .meta({ title: 'VLAN', description: 'Tag on the physical interface' }),
    isShared: z
      .boolean()
      .default(false)
      .meta({ title: 'Shared', description: 'Whether every project may use it' }),
    isRestricted: z.boolean().default(false).meta({
      title: 'Restricted',
      description: 'Whether guests reach nothing outside but through forwards',
    }),
    isFiltered: z.boolean().default(true).meta({
      title: 'Filtered',
      description: 'Whether machines are guarded by security groups and against spoofing',
    }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['ready', 'degraded']).default('ready'),
    /** How many NICs are on it. */
    members: z.int().default(0),
  }),
  fixed: ['driver', 'mode'],
  references: {},
  deletion: 'at-once',
  columns: [
    { title: { en: 'Driver', ko: '드라이버' }, path: 'spec.driver' },
    { title: { en: 'Mode', ko: '방식' }, path: 'spec.mode' },
    { title: { en: 'IPv4', ko: 'IPv4' }, path: 'spec.subnet4' },
    { title: { en: 'Members', ko: '구성원' }, path: 'status.members' },
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
