/** A host: a computer whose agent carries out what the pool wishes there. */

import { z } from 'zod'
import { HoldSchema, statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'

/** A guest that runs here and that no stored machine wishes: found after a store was lost. */
export const Unclaimed = z.strictObject({
  guest: z.string().max(64),
  machine: z.string().max(64),
  project: z.string().max(64),
  pid: z.int().nullable(),
  phase: z.string().max(32),
})

/** What keeps a network from working as it should on this host. */
export const NetworkTrouble = z.strictObject({ network: z.string().max(64), hold: HoldSchema })

export const host = defineKind({
  name: 'host',
  plural: 'hosts',
  title: { en: 'Host', ko: '호스트' },
  summary: 'A computer whose agent carries out what the pool wishes there',
  scope: 'pool',
  version: 3,
  access: { read: 'viewer', write: 'admin' },
  spec: z.strictObject({
    isSchedulable: z
      .boolean()
      .default(true)
      .meta({ title: 'Takes machines', description: 'Whether new machines may be placed here' }),
    reserveMib: z
      .int()
      .min(0)
      .default(512)
      .meta({ title: 'Reserve', description: 'Memory kept for the host itself', unit: 'MiB' }),
    vcpusPerCpu: z
      .number()
      .min(1)
      .max(64)
      .default(32)
      .meta({ title: 'CPU overcommit', description: 'Virtual CPUs that one host CPU may carry' }),
    datastores: z
      .array(z.string())
      .max(64)
      .default([])
      .meta({ description: 'Names of the datastores it reaches; set by its agent' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z.enum(['connected', 'silent', 'never-seen']).default('never-seen'),
    /** When its state last changed. */
    sinceMs: z.number().default(0),
    accelerator: z.enum(['kvm', 'tcg', 'none', 'simulated']).default('none'),
    acceleratorWhy: z.string().max(400).default(''),
    architecture: z.string().max(32).default(''),
    cpus: z.int().default(0),
    memoryMib: z.int().default(0),
    qemuVersion: z.string().max(64).default(''),
    agentVersion: z.string().max(64).default(''),
    kernel: z.string().max(128).default(''),
    hostname: z.string().max(128).default(''),
    bootId: z.string().max(64).default(''),
    /** Named CPU models that it can run; empty: not known. */
    cpuModels: z.array(z.string().max(64)).max(512).default([]),
    /** Huge pages that it set aside, as MiB by page size. */
    hugePagesMib: z.strictObject({ '2MiB': z.int(), '1GiB': z.int() }).default({ '2MiB': 0, '1GiB': 0 }),
    numaNodes: z.int().default(1),
    /** Devices that it may give to guests: PCI addresses, USB vendor:product. */
    hostDevices: z.array(z.string().max(32)).max(256).default([]),
    /** Folders below which it allows shares. */
    shareFolders: z.array(z.string().max(1024)).max(64).default([]),
    /** Network drivers that it can carry. */
    networkDrivers: z
      .array(z.enum(['user', 'bridge']))
      .max(8)
      .default(['user']),
    /** Its own addresses: guests of other hosts are kept from them. */
    addresses: z
      .array(z.union([z.ipv4(), z.ipv6()]))
      .max(limits.addressesPerHost)
      .default([]),
    networkTroubles: z.array(NetworkTrouble).max(limits.troublesPerHost).default([]),
    /** Each protection around guests, and whether it holds here. */
    walls: z
      .array(z.strictObject({ name: z.string(), holds: z.boolean(), why: z.string() }))
      .max(16)
      .default([]),
    /** What guests can have here beyond the plain, by name: uefi, tpm, shares, … */
    features: z.array(z.string().max(32)).max(64).default([]),
    allocated: z
      .strictObject({ machines: z.int(), cpus: z.int(), memoryMib: z.int() })
      .default({ machines: 0, cpus: 0, memoryMib: 0 }),
    unclaimed: z.array(Unclaimed).max(1024).default([]),
  }),
  fixed: [],
  references: {},
  deletion: 'at-once',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'Accelerator', ko: '가속' }, path: 'status.accelerator' },
    { title: { en: 'CPUs', ko: 'CPU' }, path: 'status.cpus' },
    { title: { en: 'Memory', ko: '메모리' }, path: 'status.memoryMib', as: 'MiB' },
    { title: { en: 'Machines', ko: '머신' }, path: 'status.allocated.machines' },
  ],
  verbs: {
    cordon: {
      summary: 'Take no new machines',
      title: { en: 'Cordon', ko: '배치 중지' },
      role: 'admin',
      edit: ({ spec }) => ({ ...spec, isSchedulable: false }),
      done: ({ spec }) => !spec.isSchedulable,
    },
    uncordon: {
      summary: 'Take new machines again',
      title: { en: 'Uncordon', ko: '배치 재개' },
      role: 'admin',
      edit: ({ spec }) => ({ ...spec, isSchedulable: true }),
      done: ({ spec }) => spec.isSchedulable,
    },
  },
  signals: {
    adopt: {
      summary: 'Take unclaimed guests back as machines',
      title: { en: 'Adopt guests', ko: '게스트 편입' },
      role: 'admin',
      input: z.strictObject({
        guest: z
          .string()
          .max(64)
          .optional()
          .meta({ title: 'Guest', description: 'Id of one unclaimed guest; absent: all of them' }),
      }),
    },
  },
  looks: {},
  isReady: ({ status }) => status.state === 'connected',
})

export type HostSpec = z.output<typeof host.spec>
export type HostStatus = z.output<typeof host.status>
export type HostDocument = Document<HostSpec, HostStatus>
