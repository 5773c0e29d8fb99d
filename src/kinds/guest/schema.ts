/**
 * A guest: the body that a machine has for now on one host, one QEMU process.
 * The controller writes its spec, the agent of its host its status.
 */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { FirstBoot, firstBootSecrets } from '#kinds/machine/first-boot.ts'
import { GuestCdrom, GuestDisk, GuestNic, GuestShape, Leaving } from './parts.ts'

/** Facts that the guest tells of itself: hostile, bounded and made inert. */
export const GuestInside = z.strictObject({
  isAnswering: z.boolean(),
  hostname: z.string().max(253),
  os: z.string().max(128),
  kernel: z.string().max(128),
  agentVersion: z.string().max(64),
  timezone: z.string().max(64),
  addresses: z
    .array(z.strictObject({ nic: z.string().max(32), mac: z.string().max(17), address: z.string().max(45) }))
    .max(64),
  fileSystems: z
    .array(
      z.strictObject({
        mount: z.string().max(255),
        type: z.string().max(32),
        usedBytes: z.number(),
        totalBytes: z.number(),
      }),
    )
    .max(32),
  cloudInit: z.enum(['absent', 'running', 'done', 'error', 'unknown']),
  detail: z.string().max(400),
})
export type GuestInside = z.output<typeof GuestInside>

export const guest = defineKind({
  name: 'guest',
  plural: 'guests',
  title: { en: 'Guest', ko: '게스트' },
  summary: 'The body that a machine has for now on one host: one QEMU process',
  scope: 'project',
  version: 2,
  access: { read: 'viewer', write: 'system' },
  spec: z.strictObject({
    machine: z.string(),
    machineName: z.string(),
    /** Which body of the machine this is; a host refuses an older one (I-01). */
    epoch: z.int().min(1),
    /** `gone`: the body and its run folder are to be removed. */
    power: z.enum(['on', 'off', 'paused', 'gone']),
    /** Which boot is wished; raised by start and reboot. */
    boot: z.int().min(1),
    forceAfterSeconds: z.int().min(0),
    restart: z.enum(['on-failure', 'always', 'never']),
    cpus: z.int().min(1),
    memoryMib: z.int().min(16),
    machineType: z.enum(['q35', 'microvm']),
    /** Id of the image whose kernel the host loads; null: the firmware boots disk0. */
    kernelImage: z.string().nullable(),
    kernelDatastore: z.string().nullable(),
    commandLine: z.string().max(1024),
    disks: z.array(GuestDisk).max(24),
    nics: z.array(GuestNic).max(8),
    /**
     * What the body may still have of former wishes, claimed until its host tells, of that generation of the
     * wish or a later one, that it runs without it (I-01).
     */
    leaving: z.array(Leaving).max(limits.leavingPerGuest).default([]),
    cdroms: z.array(GuestCdrom).max(limits.cdromsPerMachine).default([]),
    shape: GuestShape.default(GuestShape.parse({})),
    /** What the balloon should leave to the guest; null: all of it. */
    balloonMib: z.int().nullable().default(null),
    /** What it is told at its first boot; null: nothing. `instance` changes with each new identity. */
    firstBoot: FirstBoot.nullable().default(null),
    instance: z.string().max(64).default(''),
    /** Where it goes on from memory that a snapshot kept, instead of booting; null: it boots. */
    memoryOf: z.strictObject({ snapshot: z.string(), boot: z.int() }).nullable().default(null),
    /** The machine's wish as it stood, so that a lost store can be rebuilt from the agents (I-22). */
    machineSpec: z.record(z.string(), z.json()),
  }),
  status: z.strictObject({
    ...statusBase,
    phase: z
      .enum(['absent', 'starting', 'running', 'paused', 'stopping', 'stopped', 'crashed'])
      .default('absent'),
    /** Generation of the guest's wish that its host had taken up when it said this; 0: not known. */
    generation: z.int().default(0),
    epoch: z.int().default(0),
    /** The boot that runs, or ran last. */
    boot: z.int().default(0),
    pid: z.int().nullable().default(null),
    startedAtMs: z.number().nullable().default(null),
    exit: z
      .strictObject({
        why: z.enum(['asked', 'forced', 'guest-shutdown', 'crashed', 'panicked', 'host-restarted']),
        atMs: z.number(),
        detail: z.string().max(400),
      })
      .nullable()
      .default(null),
    crashes: z.int().default(0),
    accelerator: z.enum(['kvm', 'tcg', 'none', 'simulated']).default('none'),
    qemuVersion: z.string().max(64).default(''),
    /** Versioned machine type and CPU model that it was first begun with; kept until a person wishes another. */
    machineVersion: z.string().max(64).nullable().default(null),
    /** What the running process was started with; the wish may differ until the next start. */
    running: z
      .strictObject({
        cpus: z.int(),
        memoryMib: z.int(),
        machineType: z.string(),
        /** Ids of its volumes, and its plugs in words; absent where the agent did not say. */
        disks: z.array(z.string()).max(24).optional(),
        plugs: z.array(z.string()).max(8).optional(),
        /** The bounds within which it can grow while it runs. */
        cpusMax: z.int().optional(),
        memoryMaxMib: z.int().optional(),
        /** The memory that it was begun with; what came above it can go again. */
        memoryMinMib: z.int().optional(),
        /** The shape that it was begun with; absent where the agent did not say. */
        shape: GuestShape.optional(),
      })
      .nullable()
      .default(null),
    forwards: z
      .array(
        z.strictObject({
          nic: z.string(),
          protocol: z.string(),
          address: z.string(),
          hostPort: z.int(),
          guestPort: z.int(),
        }),
      )
      .max(512)
      .default([]),
    /** The word that the host handed in by fw_cfg, once the guest printed it on its serial line. */
    proof: z.strictObject({ word: z.string(), seenAtMs: z.number() }).nullable().default(null),
    /** What the agent inside says of the guest; null while it has said nothing in this boot. */
    inside: GuestInside.nullable().default(null),
    /** Since when it is ready, and by what that is known. */
    ready: z
      .strictObject({ sinceMs: z.number(), by: z.enum(['word', 'agent', 'cloud-init']) })
      .nullable()
      .default(null),
    walls: z.array(z.string()).max(16).default([]),
    adopted: z.boolean().default(false),
  }),
  fixed: [],
  // A body keeps its disks until it is known to be down, also those that its machine no longer wishes.
  references: { 'disks.[].volumeName': 'volume', 'leaving.[].volumeName': 'volume' },
  secrets: [
    ...firstBootSecrets.map((path) => `firstBoot.${path}`),
    ...firstBootSecrets.map((path) => `machineSpec.firstBoot.${path}`),
  ],
  deletion: 'planned',
  columns: [
    { title: { en: 'Phase', ko: '단계' }, path: 'status.phase' },
    { title: { en: 'Host', ko: '호스트' }, path: 'host' },
    { title: { en: 'Process', ko: '프로세스' }, path: 'status.pid' },
    { title: { en: 'Epoch', ko: '에포크' }, path: 'spec.epoch' },
  ],
  verbs: {},
  signals: {},
  looks: {},
  isReady: ({ status, spec }) => (spec.power === 'on' ? status.phase === 'running' : true),
})

export type GuestSpec = z.output<typeof guest.spec>
export type GuestStatus = z.output<typeof guest.status>
export type GuestDocument = Document<GuestSpec, GuestStatus>
