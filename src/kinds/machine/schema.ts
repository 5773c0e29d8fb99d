/** A machine: what a person wishes for. Its guest is the body that it has for now. */

import { z } from 'zod'
import { statusBase } from '#model/condition.ts'
import type { Document } from '#model/document.ts'
import { defineKind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { reason } from '#model/plan.ts'
import { GuestInside } from '#kinds/guest/schema.ts'
import { FirstBoot, firstBootSecrets } from './first-boot.ts'
import { BootDisk, Cdrom, Disk, HostDevice, Nic, Share } from './parts.ts'

const down = new Set(['stopped', 'crashed', 'stopping'])
const live = new Set(['starting', 'running', 'paused', 'stopping'])

/** How long a guest may take to power down this time. */
const HowLong = z.strictObject({
  forceAfterSeconds: z.int().min(0).max(3600).optional().meta({
    title: 'Force after',
    description: 'By force after this time, this once; 0: at once',
    unit: 'seconds',
  }),
})

const thisOnce = ({ forceAfterSeconds }: Readonly<Record<string, unknown>>) =>
  typeof forceAfterSeconds === 'number' ? forceAfterSeconds : null

export const machine = defineKind({
  name: 'machine',
  plural: 'machines',
  title: { en: 'Machine', ko: '머신' },
  summary: 'What a person wishes to run; its guest is the body it has for now',
  scope: 'project',
  version: 2,
  access: { read: 'viewer', write: 'operator' },
  spec: z.strictObject({
    image: z
      .string()
      .max(127)
      .nullable()
      .default(null)
      .meta({ title: 'Image', description: 'What its boot disk starts with; none: an empty disk' }),
    cpus: z
      .int()
      .min(1)
      .max(limits.vcpusPerMachine)
      .default(1)
      .meta({ title: 'CPUs', description: 'Virtual CPUs' }),
    memoryMib: z
      .int()
      .min(32)
      .max(limits.memoryMibPerMachine)
      .default(256)
      .meta({ title: 'Memory', description: 'Guest memory', unit: 'MiB' }),
    diskMib: z
      .int()
      .min(1)
      .max(limits.diskGibPerVolume * 1024)
      .optional()
      .meta({ title: 'Boot disk', description: "Size of the boot disk; absent: the image's", unit: 'MiB' }),
    datastore: z
      .string()
      .max(63)
      .default('local')
      .meta({ title: 'Datastore', description: 'Where its boot disk lies' }),
    bootDisk: BootDisk.default(BootDisk.parse({})).meta({
      title: 'Boot disk options',
      description: 'How the boot disk is kept and attached',
    }),
    disks: z
      .array(Disk)
      .max(limits.disksPerMachine - 1)
      .default([])
      .meta({ title: 'More disks', description: 'Disks besides the boot disk' }),
    cdroms: z.array(Cdrom).max(limits.cdromsPerMachine).default([]).meta({ title: 'CD drives' }),
    nics: z
      .array(Nic)
      .max(limits.nicsPerMachine)
      .default([Nic.parse({})])
      .meta({ title: 'NICs', description: 'What it is plugged into' }),
    machineType: z
      .enum(['q35', 'microvm'])
      .default('q35')
      .meta({ title: 'Machine type', description: '`q35`: a PC; `microvm`: minimal, kernel images only' }),
    machineVersion: z
      .string()
      .max(64)
      .regex(/^[a-z0-9.-]+$/)
      .nullable()
      .default(null)
      .meta({
        title: 'Machine version',
        description: 'Such as pc-q35-7.2; none: noted at the first boot and kept',
      }),
    firmware: z
      .enum(['auto', 'bios', 'uefi'])
      .default('auto')
      .meta({ title: 'Firmware', description: '`auto`: what the image needs, else BIOS' }),
    isSecureBoot: z.boolean().default(false).meta({
      title: 'Secure boot',
      description: 'Only signed boot loaders; needs UEFI',
    }),
    hasTpm: z.boolean().default(false).meta({ title: 'TPM', description: 'A virtual TPM 2.0' }),
    cpuModel: z
      .string()
      .max(64)
      .regex(/^[A-Za-z0-9._-]+$/)
      .default('auto')
      .meta({
        title: 'CPU model',
        description: '`auto`: all that the host has; `baseline`: what every host of the pool has; or a name',
      }),
    sockets: z.int().min(1).max(64).nullable().default(null).meta({
      title: 'Sockets',
      description: 'None: one',
    }),
    threads: z.int().min(1).max(8).default(1).meta({ title: 'Threads per core' }),
    cpusMax: z
      .int()
      .min(1)
      .max(limits.vcpusPerMachine)
      .nullable()
      .default(null)
      .meta({ title: 'Most CPUs', description: 'To how many it can grow while it runs; none: as they are' }),
    memoryMaxMib: z.int().min(32).max(limits.memoryMibPerMachine).nullable().default(null).meta({
      title: 'Most memory',
      description: 'To how much it can grow while it runs; none: as it is',
      unit: 'MiB',
    }),
    balloonMib: z.int().min(32).max(limits.memoryMibPerMachine).nullable().default(null).meta({
      title: 'Balloon',
      description: 'How much of its memory the balloon leaves it; none: all',
      unit: 'MiB',
    }),
    hugePages: z.enum(['none', '2MiB', '1GiB']).default('none').meta({ title: 'Huge pages' }),
    numaNodes: z.int().min(1).max(16).default(1).meta({
      title: 'NUMA nodes',
      description: 'Into how many nodes CPUs and memory are divided',
    }),
    watchdog: z.enum(['none', 'reset', 'poweroff', 'pause']).default('none').meta({
      title: 'Watchdog',
      description: 'What happens when the guest no longer feeds it',
    }),
    screen: z.enum(['none', 'vga', 'virtio']).default('vga').meta({ title: 'Screen' }),
    screens: z.int().min(1).max(4).default(1).meta({ title: 'Screens', description: 'virtio only' }),
    hasGuestAgent: z.boolean().default(true).meta({
      title: 'Guest agent',
      description: 'Whether a guest agent inside is listened to',
    }),
    bootOrder: z
      .array(z.enum(['disk', 'cdrom', 'network']))
      .min(1)
      .max(3)
      .default(['disk', 'cdrom', 'network'])
      .meta({ title: 'Boot order' }),
    shares: z
      .array(Share)
      .max(limits.sharesPerMachine)
      .default([])
      .meta({ title: 'Shares', description: 'Folders of the host that the guest can mount' }),
    hostDevices: z
      .array(HostDevice)
      .max(limits.passthroughPerMachine)
      .default([])
      .meta({ title: 'Host devices', description: 'Devices of the host that it has to itself' }),
    firstBoot: FirstBoot.nullable()
      .default(null)
      .meta({ title: 'First boot', description: 'What cloud-init is told' }),
    /** Whose disks it starts with; fixed. */
    cloneOf: z
      .strictObject({
        machine: z.string().max(127),
        snapshot: z.string().max(127).nullable().default(null),
        clone: z.enum(['linked', 'full']).default('linked'),
      })
      .nullable()
      .default(null)
      .meta({ title: 'Clone of', description: 'Machine, and snapshot of it, whose disks it starts with' }),
    /** Raised by revert, with the snapshot to go back to. */
    revert: z
      .strictObject({ snapshot: z.string().max(127), at: z.int().min(1) })
      .nullable()
      .default(null)
      .meta({ title: 'Revert', description: 'Set by revert: the snapshot to go back to' }),
    power: z
      .enum(['on', 'off', 'paused'])
      .default('on')
      .meta({ title: 'Power', description: 'Whether it should run' }),
    /** Raised by start and reboot: the guest boots once for each. */
    boot: z
      .int()
      .min(1)
      .default(1)
      .meta({ title: 'Boot', description: 'Which boot is wished; start and reboot raise it' }),
    forceAfterSeconds: z.int().min(0).max(3600).default(60).meta({
      title: 'Force after',
      description: 'How long a guest may take to power down before it is forced',
      unit: 'seconds',
    }),
    /** Set by a stop or reboot that says how long, gone with the next start. */
    forceOnceSeconds: z.int().min(0).max(3600).nullable().default(null).meta({
      title: 'Force once',
      description: 'Instead of force-after, for the power-down that was asked for last',
      unit: 'seconds',
    }),
    restart: z.enum(['on-failure', 'always', 'never']).default('on-failure').meta({
      title: 'Restart',
      description: 'When a guest that ended is started again: after a crash, always, never',
    }),
    hostLabels: z
      .record(z.string().max(63), z.string().max(63))
      .default({})
      .meta({ title: 'Host labels', description: 'Labels that its host must have' }),
  }),
  status: z.strictObject({
    ...statusBase,
    state: z
      .enum([
        'pending',
        'starting',
        'running',
        'paused',
        'stopping',
        'stopped',
        'crashed',
        'deleting',
        'unknown',
      ])
      .default('pending'),
    /** Since when, in milliseconds since 1970. */
    sinceMs: z.number().default(0),
    host: z.string().nullable().default(null),
    guest: z
      .strictObject({
        id: z.string(),
        pid: z.int().nullable(),
        epoch: z.int(),
        boot: z.int(),
        startedAtMs: z.number().nullable(),
        accelerator: z.string(),
        proof: z.strictObject({ word: z.string(), seenAtMs: z.number() }).nullable(),
      })
      .nullable()
      .default(null),
    bootVolume: z.string().nullable().default(null),
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
    /** Fields whose new value waits for the next start. */
    restartRequired: z.array(z.string()).max(32).default([]),
    /** What the guest says of itself; null while it says nothing. */
    inside: GuestInside.nullable().default(null),
    /** Since when it is ready for use, and by what that is known. */
    ready: z
      .strictObject({ sinceMs: z.number(), by: z.enum(['word', 'agent', 'cloud-init']) })
      .nullable()
      .default(null),
    /** Addresses that the controller reserved, by NIC. */
    addresses: z
      .array(
        z.strictObject({
          nic: z.string(),
          network: z.string(),
          mac: z.string(),
          address4: z.string().nullable(),
          address6: z.string().nullable(),
        }),
      )
      .max(limits.nicsPerMachine)
      .default([]),
    /** Name of the snapshot that its disks stand on; null: none. */
    snapshot: z.string().nullable().default(null),
    /** The revert that has been carried out last. */
    revertedAt: z.int().default(0),
    /** Machine type with version, and CPU model, as of its first boot. */
    machineVersion: z.string().max(64).nullable().default(null),
    /** The highest epoch that any body of it had. */
    epoch: z.int().default(0),
    /** The host that the placement chose, and out of how many that fitted. */
    placement: z.strictObject({ host: z.string(), candidates: z.int() }).nullable().default(null),
  }),
  fixed: ['image', 'datastore', 'cloneOf', 'bootDisk.format', 'bootDisk.isEncrypted', 'bootDisk.clone'],
  secrets: firstBootSecrets.map((path) => `firstBoot.${path}`),
  growing: ['diskMib'],
  references: {
    image: 'image',
    datastore: 'datastore',
    'disks.[].volume': 'volume',
    'disks.[].image': 'image',
    'disks.[].datastore': 'datastore',
    'cdroms.[].image': 'image',
    'nics.[].network': 'network',
    'nics.[].securityGroups.[]': 'security-group',
    'cloneOf.machine': 'machine',
    'cloneOf.snapshot': 'snapshot',
  },
  deletion: 'planned',
  columns: [
    { title: { en: 'State', ko: '상태' }, path: 'status.state' },
    { title: { en: 'CPUs', ko: 'CPU' }, path: 'spec.cpus' },
    { title: { en: 'Memory', ko: '메모리' }, path: 'spec.memoryMib', as: 'MiB' },
    { title: { en: 'Host', ko: '호스트' }, path: 'status.host' },
    { title: { en: 'Since', ko: '경과' }, path: 'status.sinceMs', as: 'age' },
  ],
  verbs: {
    start: {
      summary: 'Ask for the machine to run',
      title: { en: 'Start', ko: '시작' },
      role: 'operator',
      edit: ({ spec, status }) => {
        // What was stopped, or stopped by itself, needs a boot of its own; what is paused only goes on.
        const isDown = spec.power === 'off' || down.has(status.state)
        const tried = status.guest?.boot ?? 0
        return {
          ...spec,
          power: 'on',
          forceOnceSeconds: null,
          boot: isDown && tried >= spec.boot ? tried + 1 : spec.boot,
        }
      },
      done: ({ status }) => status.state === 'running',
    },
    stop: {
      summary: 'Ask the guest to power down, by force after a stated time',
      title: { en: 'Stop', ko: '정지' },
      role: 'operator',
      input: HowLong,
      edit: ({ spec }, input) => ({
        ...spec,
        power: 'off',
        forceOnceSeconds: thisOnce(input),
      }),
      done: ({ status }) => status.state === 'stopped' || status.state === 'crashed',
    },
    reboot: {
      summary: 'Power the guest down and start it again',
      title: { en: 'Reboot', ko: '재부팅' },
      role: 'operator',
      refusal: ({ status }) => (live.has(status.state) ? undefined : reason('machine/not-running')),
      input: HowLong,
      edit: ({ spec, status }, input) => ({
        ...spec,
        power: 'on',
        forceOnceSeconds: thisOnce(input),
        boot: Math.max(spec.boot, status.guest?.boot ?? 0) + 1,
      }),
      done: ({ spec, status }) => status.state === 'running' && status.guest?.boot === spec.boot,
    },
    pause: {
      summary: 'Hold the virtual CPUs still',
      title: { en: 'Pause', ko: '일시 정지' },
      role: 'operator',
      refusal: ({ status }) => (live.has(status.state) ? undefined : reason('machine/not-running')),
      edit: ({ spec }) => ({ ...spec, power: 'paused' }),
      done: ({ status }) => status.state === 'paused',
    },
    resume: {
      summary: 'Let the virtual CPUs go on',
      title: { en: 'Resume', ko: '재개' },
      role: 'operator',
      refusal: ({ spec, status }) =>
        spec.power === 'paused' || status.state === 'paused' || status.state === 'running'
          ? undefined
          : reason('machine/not-paused'),
      edit: ({ spec }) => ({ ...spec, power: 'on' }),
      done: ({ status }) => status.state === 'running',
    },
  },
  signals: {
    reset: {
      summary: 'Press the reset button: the guest starts over at once',
      title: { en: 'Reset', ko: '리셋' },
      role: 'operator',
      loses: {
        en: 'What the guest has not written to its disk is lost.',
        ko: '게스트가 디스크에 쓰지 않은 내용은 사라집니다.',
      },
      refusal: ({ status }) => (live.has(status.state) ? undefined : reason('machine/not-running')),
    },
    'send-key': {
      summary: 'Press keys together, such as ctrl alt delete',
      title: { en: 'Send keys', ko: '키 보내기' },
      role: 'operator',
      input: z.strictObject({
        keys: z
          .array(z.string().regex(/^[a-z0-9_]{1,24}$/))
          .min(1)
          .max(8)
          .meta({ title: 'Keys', description: "QEMU's key names, pressed together" }),
      }),
      refusal: ({ status }) => (live.has(status.state) ? undefined : reason('machine/not-running')),
    },
  },
  looks: {
    screenshot: {
      summary: "What the machine's screen shows now, as PNG",
      title: { en: 'Screenshot', ko: '스크린샷' },
      role: 'viewer',
      mediaType: 'image/png',
    },
    log: {
      summary: 'The last of what the guest wrote on its serial line',
      title: { en: 'Serial log', ko: '시리얼 로그' },
      role: 'viewer',
      mediaType: 'application/octet-stream',
    },
  },
  isReady: ({ spec, status }) =>
    spec.power === 'on'
      ? status.state === 'running'
      : spec.power === 'off'
        ? status.state === 'stopped'
        : status.state === 'paused',
  hasFailed: ({ status }) => status.holds.find(({ code }) => code === 'machine/image-failed'),
})

export type MachineSpec = z.output<typeof machine.spec>
export type MachineStatus = z.output<typeof machine.status>
export type MachineDocument = Document<MachineSpec, MachineStatus>
