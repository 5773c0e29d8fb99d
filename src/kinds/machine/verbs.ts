/** What can be done with a machine: edits of its wish, acts of the moment, things to look at. */

import { z } from 'zod'
import type { Look, Signal, Verb } from '#model/kind.ts'
import { reason } from '#model/plan.ts'
import type { MachineSpec, MachineStatus } from './spec.ts'

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

export const machineVerbs: Readonly<Record<string, Verb<MachineSpec, MachineStatus>>> = {
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
  revert: {
    summary: 'Take its disks, and its memory where it was kept, back to a snapshot',
    title: { en: 'Revert', ko: '되돌리기' },
    role: 'operator',
    input: z.strictObject({
      snapshot: z.string().max(127).meta({ title: 'Snapshot', description: 'Which one to go back to' }),
    }),
    loses: {
      en: 'What its disks hold that no snapshot keeps is lost.',
      ko: '스냅샷에 없는 디스크 내용은 사라집니다.',
    },
    edit: ({ spec, status }, { snapshot }) => ({
      ...spec,
      revert: { snapshot: String(snapshot), at: Math.max(spec.revert?.at ?? 0, status.revertedAt) + 1 },
      // What runs is begun anew; what is off stays off.
      boot: spec.power === 'off' ? spec.boot : Math.max(spec.boot, status.guest?.boot ?? 0) + 1,
    }),
    done: ({ spec, status }) =>
      status.revertedAt >= (spec.revert?.at ?? 0) &&
      (spec.power === 'off'
        ? status.state === 'stopped' || status.state === 'crashed'
        : status.state === shown[spec.power] && (status.guest?.boot ?? 0) >= spec.boot),
  },
}

const shown = { on: 'running', paused: 'paused' } as const

/** Nothing inside answers while its virtual CPUs stand still. */
const whileRunning = ({ status }: { readonly status: MachineStatus }) =>
  status.state === 'running' ? undefined : reason('machine/not-running')

export const machineSignals: Readonly<Record<string, Signal<MachineSpec, MachineStatus>>> = {
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
  'set-time': {
    summary: "Set the guest's clock to its host's, through the agent inside",
    title: { en: 'Set its clock', ko: '시계 맞추기' },
    role: 'operator',
    refusal: whileRunning,
  },
  freeze: {
    summary: "Hold the guest's file systems still for a backup, 20 seconds at most, through the agent inside",
    title: { en: 'Freeze file systems', ko: '파일 시스템 멈추기' },
    role: 'operator',
    refusal: whileRunning,
  },
  thaw: {
    summary: "Let the guest's file systems go on",
    title: { en: 'Thaw file systems', ko: '파일 시스템 재개' },
    role: 'operator',
    refusal: whileRunning,
  },
}

export const machineLooks: Readonly<Record<string, Look>> = {
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
}
