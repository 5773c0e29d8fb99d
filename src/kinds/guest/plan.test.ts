/** Guest planner: each wish from each state, by cases and by chance, in a world of one guest that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import { guest as guestKind, type GuestSpec } from './schema.ts'
import {
  blankRecord,
  crashPauseMs,
  phaseOf,
  planGuest,
  type GuestObserved,
  type GuestRecord,
  type GuestStep,
} from './plan.ts'

const wish: GuestSpec = guestKind.spec.parse({
  machine: 'm',
  machineName: 'web',
  epoch: 1,
  power: 'on',
  boot: 1,
  forceAfterSeconds: 60,
  restart: 'on-failure',
  cpus: 1,
  memoryMib: 64,
  machineType: 'q35',
  kernelImage: null,
  kernelDatastore: null,
  commandLine: '',
  disks: [],
  nics: [],
  machineSpec: {},
})
const record: GuestRecord = { ...blankRecord, epoch: 1, boot: 1, hostBoot: 'b' }
const seen: GuestObserved = {
  process: 'running',
  pid: 7,
  boot: 1,
  startedAtMs: 0,
  running: null,
  isIoStopped: false,
  isWatchdogStopped: false,
  wordSeenAtMs: null,
  inside: null,
  detail: '',
  record,
  waits: {},
  media: {},
  attempts: {},
  moment: null,
  isClaimed: true,
  hostBoot: 'b',
  nowMs: 1_000_000,
}
const absent: GuestObserved = { ...seen, process: 'absent', pid: null }
const steps = (spec: GuestSpec, observed: GuestObserved) =>
  planGuest(spec, observed).steps.map((step) => step.do)
const codes = (spec: GuestSpec, observed: GuestObserved) =>
  planGuest(spec, observed).holds.map(({ code }) => code)
const exit = (why: NonNullable<GuestRecord['exit']>['why'], atMs = 999_500) => ({
  ...record,
  exit: { why, atMs, detail: '' },
})

test('what is as wished is left alone', () => {
  deepEqual(steps(wish, seen), [])
  deepEqual(steps({ ...wish, power: 'off' }, absent), [])
  deepEqual(steps({ ...wish, power: 'paused' }, { ...seen, process: 'paused' }), [])
})

test('a first start notes what it begins before it begins', () => {
  deepEqual(steps(wish, { ...absent, record: blankRecord }), ['note', 'spawn'])
})

test('I-22: a guest that the store forgot is never touched, whatever its state', () => {
  for (const process of processes)
    deepEqual(steps({ ...wish, power: 'off' }, { ...seen, process, isClaimed: false }), [])
})

test('I-23: a process that is not provably ours is never touched, whatever is wished', () => {
  for (const power of powers) deepEqual(steps({ ...wish, power }, { ...seen, process: 'strange' }), [])
})

test('I-01: an order for an older body is refused', () => {
  deepEqual(codes(wish, { ...seen, record: { ...record, epoch: 2 } }), ['guest/epoch-stale'])
})

test('a guest that powered itself off stays off until a newer boot is wished', () => {
  const off = { ...absent, record: exit('guest-shutdown') }
  deepEqual(codes(wish, off), ['guest/powered-itself-off'])
  deepEqual(steps({ ...wish, boot: 2, epoch: 2 }, off), ['note', 'spawn'])
})

test('a crashed guest comes back after pauses that grow up to five minutes', () => {
  const crashed = (crashes: number) =>
    planGuest(wish, { ...absent, record: { ...exit('crashed', 1_000_000), crashes } })
  deepEqual(
    [1, 2, 3, 30].map((crashes) => crashed(crashes).againMs),
    [1_000, 2_000, 4_000, 300_000],
  )
  equal(crashPauseMs(1), 1_000)
  deepEqual(steps({ ...wish, restart: 'never' }, { ...absent, record: exit('crashed') }), [])
})

test('a clock set back does not stretch a crash pause', () => {
  const record = { ...exit('crashed', 9_000_000), crashes: 1 }
  const [first] = planGuest(wish, { ...absent, record }).steps
  ok(first?.do === 'note')
  equal(planGuest(wish, { ...absent, record: first.record }).againMs, 1_000)
})

test('a stop presses the button, again later, and then ends by force', () => {
  const off: GuestSpec = { ...wish, power: 'off', forceAfterSeconds: 10 }
  deepEqual(steps(off, seen), ['note', 'powerdown'])
  const asked = (agoMs: number, pressedMs: number) => ({
    ...seen,
    record: { ...record, askedAtMs: seen.nowMs - agoMs, pressedAtMs: seen.nowMs - pressedMs },
  })
  deepEqual(codes(off, asked(1_000, 1_000)), ['guest/stopping'])
  deepEqual(steps(off, asked(6_000, 6_000)), ['note', 'powerdown'])
  deepEqual(steps(off, asked(10_000, 1_000)), ['note', 'kill'])
  deepEqual(steps({ ...off, forceAfterSeconds: 0 }, seen), ['note', 'kill'])
})

test('a start that an agent died over is ended after a while and begun anew', () => {
  const starting = { ...seen, process: 'starting' as const, startedAtMs: seen.nowMs - 1_000 }
  deepEqual(codes(wish, starting), ['guest/starting'])
  deepEqual(steps(wish, { ...starting, startedAtMs: seen.nowMs - 31_000 }), ['note', 'kill'])
})

test('only a removed guest is said to be absent for good', () => {
  const gone: GuestSpec = { ...wish, power: 'gone' }
  equal(phaseOf(gone, absent), 'stopping')
  equal(phaseOf(gone, { ...absent, record: { ...record, isRemoved: true } }), 'absent')
})

const processes = [
  'absent',
  'starting',
  'running',
  'paused',
  'shutdown',
  'panicked',
  'lost',
  'strange',
] as const
const powers = ['on', 'off', 'paused', 'gone'] as const

/** One step come true; a guest may or may not heed its power button. */
function after(spec: GuestSpec, now: GuestObserved, step: GuestStep, heeds: boolean): GuestObserved {
  switch (step.do) {
    case 'note':
      return { ...now, record: step.record }
    case 'spawn':
      return { ...now, process: 'running', pid: 9, boot: spec.boot, startedAtMs: now.nowMs }
    case 'pause':
      return { ...now, process: 'paused' }
    case 'resume':
      return { ...now, process: 'running' }
    case 'powerdown':
      return heeds ? { ...now, process: 'shutdown' } : now
    case 'kill':
    case 'remove':
      return { ...now, process: 'absent', pid: null }
    default:
      throw new Error(`no parts are wished here: ${step.do}`)
  }
}

function anything(random: Random): GuestObserved {
  const times = [null, seen.nowMs - 500, seen.nowMs - 1e6, seen.nowMs + 1e6]
  const why = oneOf(random, [
    'asked',
    'forced',
    'guest-shutdown',
    'crashed',
    'panicked',
    'host-restarted',
  ] as const)
  const note: GuestRecord = {
    ...record,
    boot: wholeFrom(random, 3),
    exit: random() < 0.5 ? null : { why, atMs: oneOf(random, times) ?? 0, detail: '' },
    crashes: wholeFrom(random, 8),
    askedAtMs: oneOf(random, times),
    pressedAtMs: oneOf(random, times),
    isRemoved: random() < 0.2,
  }
  const process = oneOf(
    random,
    processes.filter((one) => one !== 'strange'),
  )
  return {
    ...seen,
    process,
    boot: note.boot,
    record: note,
    startedAtMs: oneOf(random, times),
    pid: process === 'absent' ? null : 7,
  }
}

test('it settles from any state and any wish within an hour, and stays settled', () => {
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = randomFrom(seed)
    const spec: GuestSpec = {
      ...wish,
      power: oneOf(random, powers),
      boot: 1 + wholeFrom(random, 3),
      forceAfterSeconds: oneOf(random, [0, 5, 60]),
      restart: oneOf(random, ['on-failure', 'always', 'never'] as const),
    }
    const last = settledFrom(spec, anything(random), random)
    const expected = { on: 'running', paused: 'paused', off: 'absent', gone: 'absent' }[spec.power]
    const stays = codes(spec, last).some(
      (code) => code === 'guest/powered-itself-off' || code === 'guest/crashed',
    )
    ok(
      last.process === expected || (last.process === 'absent' && stays),
      `seed ${seed}: ${last.process}, wished ${spec.power}`,
    )
  }
})

function settledFrom(spec: GuestSpec, first: GuestObserved, random: Random): GuestObserved {
  let now = first
  const untilMs = first.nowMs + 3_600_000
  while (now.nowMs < untilMs) {
    const plan = planGuest(spec, now)
    for (const step of plan.steps) now = after(spec, now, step, random() < 0.5)
    if (plan.steps.length === 0) now = { ...now, nowMs: now.nowMs + (plan.againMs ?? 600_000) }
    else now = { ...now, nowMs: now.nowMs + 1 }
  }
  deepEqual(planGuest(spec, now).steps, [])
  return now
}

test('a machine version wished without its CPU model is the one that runs', () => {
  const { memoryMib, machineType, kernelImage, commandLine, shape } = wish
  const begun = { memoryMib, machineType, kernelImage, commandLine, shape }
  const running: GuestObserved['running'] = {
    cpus: 1,
    memoryMib: 64,
    machineType: 'q35',
    cpusMax: 1,
    memoryMaxMib: 64,
    balloonMib: null,
    machineVersion: 'pc-q35-7.2/EPYC',
    disks: [],
    nics: [],
    cdroms: [],
  }
  const now = { ...seen, running, record: { ...record, begun, machineVersion: 'pc-q35-7.2/EPYC' } }
  const wishing = (machineVersion: string | null) => ({ ...wish, shape: { ...shape, machineVersion } })
  for (const version of [null, 'pc-q35-7.2', 'pc-q35-7.2/EPYC']) deepEqual(codes(wishing(version), now), [])
  for (const version of ['pc-q35-7.1', 'pc-q35-7'])
    deepEqual(codes(wishing(version), now), ['guest/restart-required'])
})
