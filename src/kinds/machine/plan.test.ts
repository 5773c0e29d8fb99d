/** Machine planner: by cases and by chance, with the foresight of rehearsals as a world that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import { image as imageKind, type ImageDocument } from '#kinds/image/schema.ts'
import { guest as guestKind, type GuestDocument, type GuestStatus } from '#kinds/guest/schema.ts'
import { network as networkKind, type NetworkDocument } from '#kinds/network/schema.ts'
import { volume as volumeKind, type VolumeDocument } from '#kinds/volume/schema.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import { limits } from '#model/limits.ts'
import { guestSpecOf } from './body.ts'
import { foreseeMachine } from './foresee.ts'
import type { MachineObserved } from './observed.ts'
import { allocationOf, planMachine, type MachineStep } from './plan.ts'
import { machine as machineKind, type MachineDocument, type MachineSpec } from './schema.ts'

const metadata = (kind: string, name: string) => ({
  kind,
  id: `id-of-${name}`,
  name,
  project: 'default',
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
})
const wish: MachineSpec = machineKind.spec.parse({ image: 'debian' })
const machine: MachineDocument = {
  ...metadata('machine', 'web'),
  id: '01234567-89ab-4cde-8f01-23456789abcd',
  host: 'a',
  spec: wish,
  status: machineKind.status.parse({}),
}
const image: ImageDocument = {
  ...metadata('image', 'debian'),
  spec: imageKind.spec.parse({}),
  status: imageKind.status.parse({ state: 'ready', architecture: 'x86_64' }),
}
const volume = (name: string, state: 'ready' | 'creating' = 'ready', sizeMib?: number): VolumeDocument => ({
  ...metadata('volume', name),
  spec: volumeKind.spec.parse({ sizeMib }),
  status: volumeKind.status.parse({ state }),
})
const network: NetworkDocument = {
  ...metadata('network', 'default'),
  spec: networkKind.spec.parse({}),
  status: networkKind.status.parse({}),
}
const candidate = (name: string): Candidate => ({
  name,
  isConnected: true,
  isSchedulable: true,
  architecture: 'x86_64',
  labels: {},
  freeCpus: 8,
  freeMib: 8192,
  totalMib: 8192,
  datastores: ['local'],
})
const fresh: MachineObserved = {
  machine: { ...machine, host: null },
  hostSilentSince: null,
  image,
  bootVolume: null,
  disks: [],
  networks: [network],
  guest: null,
  allocated: null,
  room: null,
  candidates: [candidate('b'), candidate('a')],
}
const placed: MachineObserved = {
  ...fresh,
  machine,
  allocated: allocationOf(wish),
  room: { cpus: 4, memoryMib: 4096 },
  candidates: [],
}
const standing: MachineObserved = { ...placed, bootVolume: volume('web-boot') }

/** The machine with a body for a wish, as its host last told of it. */
function embodied(seen: MachineObserved, of: MachineSpec, told: Partial<GuestStatus> = {}): MachineObserved {
  const spec = guestSpecOf(of, seen)
  const running = { cpus: of.cpus, memoryMib: of.memoryMib, machineType: of.machineType }
  const { epoch, boot } = spec
  const status = guestKind.status.parse({
    phase: 'running',
    generation: 1,
    epoch,
    boot,
    pid: 7,
    running,
    ...told,
  })
  return { ...seen, guest: { ...metadata('guest', 'web'), owner: machine.id, host: 'a', spec, status } }
}
const running = embodied(standing, wish)

const names = (of: MachineSpec, seen: MachineObserved) => planMachine(of, seen).steps.map((step) => step.do)
const codes = (of: MachineSpec, seen: MachineObserved) => planMachine(of, seen).holds.map(({ code }) => code)
const guestToldBy = (of: MachineSpec, seen: MachineObserved) =>
  planMachine(of, seen).steps.flatMap((step) =>
    step.do === 'create-guest' || step.do === 'update-guest' ? [step] : [],
  )[0]

/** Follows the plan until it has no step more; what was done, and the world as it is then. */
function followed(of: MachineSpec, first: MachineObserved, meanwhile = (seen: MachineObserved) => seen) {
  const done: MachineStep['do'][] = []
  const way: MachineObserved[] = [first]
  let now = first
  for (let round = 0; round < 20 && done.at(-1) !== 'forget'; round++) {
    const { steps } = planMachine(of, now)
    for (const step of steps) {
      done.push(step.do)
      now = foreseeMachine(now, step)
    }
    now = meanwhile(now)
    if (steps.length > 0) way.push(now)
  }
  return { done, way, now }
}

test('a new machine is placed, gets its disk, then its body if it should run, and then is left alone', () => {
  const { done, now } = followed(wish, fresh)
  deepEqual(done, ['place', 'create-volume', 'create-guest'])
  deepEqual([now.machine.host, now.guest?.spec.power, now.guest?.spec.epoch], ['a', 'on', 1])
  deepEqual(planMachine(wish, now), { steps: [], holds: [] })
  deepEqual(followed({ ...wish, power: 'off' }, fresh).done, ['place', 'create-volume'])
})

test('without an image that is ready nothing is placed and no disk is made', () => {
  for (const state of ['building', 'failed'] as const) {
    const absent = { ...image, status: { ...image.status, state } }
    const code = state === 'failed' ? 'machine/image-failed' : 'machine/no-image'
    for (const seen of [fresh, placed]) {
      deepEqual(codes(wish, { ...seen, image: absent }), [code])
      deepEqual(names(wish, { ...seen, image: absent }), [])
    }
  }
  deepEqual(codes(wish, { ...fresh, image: null }), ['machine/no-image'])
  deepEqual(names({ ...wish, image: null }, { ...fresh, image: null }), ['place'])
})

test('without a host it waits, looks again, and names the first three that refused and how many more did', () => {
  deepEqual(codes(wish, { ...fresh, candidates: [] }), ['machine/no-hosts'])
  const full = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...candidate(name), freeMib: 0 }))
  const plan = planMachine(wish, { ...fresh, candidates: full })
  deepEqual(plan.holds[0], { code: 'machine/no-host', facts: { rejected: 'a, b, c +2' } })
  deepEqual(
    plan.holds.slice(1).map(({ code }) => code),
    Array(3).fill('placement/memory'),
  )
  ok((plan.againMs ?? 0) > 0)
})

test('a host is chosen with room for the guest and for what QEMU itself takes', () => {
  const needed = wish.memoryMib + limits.guestOverheadMib
  const tight = { ...candidate('a'), freeMib: needed }
  deepEqual(names(wish, { ...fresh, candidates: [tight] }), ['place'])
  deepEqual(names(wish, { ...fresh, candidates: [{ ...tight, freeMib: needed - 1 }] }), [])
})

test('a wish beyond the room of its host goes on with what it was given, and says so (I-26)', () => {
  const large = { ...wish, memoryMib: 65_536, power: 'paused' as const }
  const told = guestToldBy(large, running)
  deepEqual([told?.spec.memoryMib, told?.spec.power], [wish.memoryMib, 'paused'])
  deepEqual(codes(large, running), ['machine/no-room'])
  deepEqual(names(large, { ...running, room: { cpus: 4, memoryMib: 65_536 } }), ['allocate'])
})

test('a body keeps what it runs with until it is started anew, and people are told', () => {
  const less = { ...wish, memoryMib: 128 }
  const { now } = followed(less, running)
  equal(now.allocated?.memoryMib, wish.memoryMib + limits.guestOverheadMib)
  deepEqual(codes(less, now), ['machine/restart-required'])
  equal(followed({ ...less, boot: 2 }, running).now.allocated?.memoryMib, 128 + limits.guestOverheadMib)
})

test('its disk grows as soon as that is wished, once', () => {
  const { done, now } = followed(
    { ...wish, diskMib: 2048 },
    { ...running, bootVolume: volume('web-boot', 'ready', 1024) },
  )
  // The body is told the wish as it stands, for a store that may be lost (I-22).
  deepEqual(done, ['grow-volume', 'update-guest'])
  equal(now.bootVolume?.spec.sizeMib, 2048)
})

test('a body waits for each of its disks', () => {
  const two = { ...wish, disks: ['data'] }
  for (const disk of [null, volume('data', 'creating')]) {
    const plan = planMachine(two, { ...standing, disks: [disk] })
    deepEqual(plan, { steps: [], holds: [{ code: 'machine/volume-not-ready', facts: { volume: 'data' } }] })
  }
  deepEqual(names(two, { ...standing, disks: [volume('data')] }), ['create-guest'])
})

test('a body takes the claims of its disks and ports with it, and gives back only what it let go (I-01, I-27)', () => {
  const forward = { protocol: 'tcp' as const, address: '127.0.0.1', hostPort: 8080, guestPort: 80 }
  const open = { ...wish, nics: [{ network: 'default', forwards: [forward] }] }
  const disk = 'attach/id-of-web-boot'
  deepEqual(guestToldBy(open, standing)?.claims, [disk, 'port/a/tcp/127.0.0.1/8080'])
  const down = embodied(standing, { ...open, power: 'off' }, { phase: 'stopped', pid: null })
  const told = guestToldBy(wish, down)
  deepEqual(told, {
    do: 'update-guest',
    spec: told?.spec,
    claims: [disk],
    releases: ['port/a/tcp/127.0.0.1/8080'],
  })
})

test('a silent host is told of, and nothing more is concluded from it (I-25)', () => {
  const plan = planMachine(wish, { ...running, hostSilentSince: 'noon' })
  deepEqual(plan, {
    steps: [],
    holds: [{ code: 'machine/host-silent', facts: { host: 'a', since: 'noon' } }],
  })
})

function someWish(random: Random): MachineSpec {
  return {
    ...wish,
    power: oneOf(random, ['on', 'off', 'paused'] as const),
    boot: 1 + wholeFrom(random, 3),
    cpus: 1 + wholeFrom(random, 3),
    memoryMib: oneOf(random, [64, 256, 16_384]),
    image: oneOf(random, [null, 'debian']),
    disks: oneOf(random, [[], ['data'], ['data', 'logs']]),
    ...oneOf(random, [{}, { diskMib: 1024 }, { diskMib: 2048 }]),
    forceOnceSeconds: oneOf(random, [null, 0]),
  }
}

const someVolume = (random: Random, name: string) =>
  volume(name, oneOf(random, ['ready', 'ready', 'creating'] as const), oneOf(random, [undefined, 1024]))

/** Any state that a crash, a person or a host may leave behind; its body was made for an older wish. */
function anything(random: Random, of: MachineSpec): MachineObserved {
  if (random() < 0.15) return { ...fresh, candidates: random() < 0.2 ? [] : fresh.candidates }
  const older = someWish(random)
  const status = { ...machine.status, epoch: wholeFrom(random, 4) }
  const seen: MachineObserved = {
    ...placed,
    machine: { ...machine, status },
    image: oneOf(random, [image, image, null]),
    bootVolume: oneOf(random, [null, someVolume(random, 'web-boot'), someVolume(random, 'web-boot')]),
    allocated: oneOf(random, [null, allocationOf(older)]),
    room: oneOf(random, [null, { cpus: -1, memoryMib: -64 }, { cpus: 8, memoryMib: 32_768 }]),
    disks: older.disks.map((name) =>
      oneOf(random, [null, someVolume(random, name), someVolume(random, name)]),
    ),
  }
  const disks = of.disks.map((name, at) => seen.disks[at] ?? oneOf(random, [null, volume(name)]))
  return { ...(random() < 0.6 ? embodied(seen, older, someReport(random)) : seen), disks }
}

const someReport = (random: Random): Partial<GuestStatus> => ({
  phase: oneOf(random, guestKind.status.shape.phase.unwrap().options),
  generation: wholeFrom(random, 2),
  pid: oneOf(random, [null, 7]),
  running: oneOf(random, [null, { cpus: 2, memoryMib: 512, machineType: 'q35' }]),
})

function everyChance(check: (of: MachineSpec, seen: MachineObserved, seed: string) => void) {
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = randomFrom(seed)
    const of = someWish(random)
    check(of, anything(random, of), `seed ${seed}`)
  }
}

test('it settles from any state, and then either all is as wished or people are told why not', () => {
  let asWished = 0
  everyChance((of, seen, seed) => {
    const { done, now } = followed(of, seen)
    ok(done.length <= 8, `${seed}: ${done.join()}`)
    // A machine that has a host is not moved to another by its own plan (I-01).
    if (seen.machine.host !== null) equal(now.machine.host, seen.machine.host, seed)
    const plan = planMachine(of, now)
    deepEqual(plan.steps, [], seed)
    const isThere = of.power === 'off' ? now.bootVolume !== null : now.guest?.spec.power === of.power
    ok(isThere || plan.holds.length > 0, seed)
    asWished += isThere && plan.holds.length === 0 ? 1 : 0
  })
  ok(asWished > 500, `${asWished}`)
})

/** A host that obeys and volumes that leave; who waits for them needs no more. */
const leaving = (seen: MachineObserved): MachineObserved => {
  const { guest, bootVolume } = seen
  const gone = guest && { phase: 'absent' as const, generation: guest.generation, epoch: guest.spec.epoch }
  return {
    ...seen,
    guest: guest?.spec.power === 'gone' ? { ...guest, status: { ...guest.status, ...gone } } : guest,
    bootVolume: bootVolume?.deletingAtMs === null ? bootVolume : null,
  }
}

test('a deletion from any state ends with the machine forgotten, and nothing of it is left (I-20)', () => {
  const order = ['remove-guest', 'forget-guest', 'delete-volume', 'forget']
  everyChance((of, seen, seed) => {
    const deleting = { ...seen, machine: { ...seen.machine, deletingAtMs: 1 } }
    const { done, now } = followed(of, deleting, leaving)
    equal(done.at(-1), 'forget', seed)
    deepEqual(
      done,
      order.filter((name) => done.some((one) => one === name)),
      seed,
    )
    deepEqual([now.guest, now.bootVolume], [null, null], seed)
  })
})

/** A host that has not yet done what its guest's wish says. */
const busy = (seen: MachineObserved): MachineObserved =>
  seen.guest === null
    ? seen
    : { ...seen, guest: { ...seen.guest, status: { ...seen.guest.status, generation: 0 } } }

test('no step is taken before what it stands on is there', () => {
  everyChance((of, seen, seed) => {
    for (const isDeleting of [false, true]) {
      const first = { ...seen, machine: { ...seen.machine, deletingAtMs: isDeleting ? 1 : null } }
      for (const now of followed(of, first, busy).way)
        for (const step of planMachine(of, now).steps) ok(before[step.do](now, of), `${seed}: ${step.do}`)
    }
  })
})

const isLiving = ({ machine }: MachineObserved) => machine.deletingAtMs === null
const isPlaced = (seen: MachineObserved) => isLiving(seen) && seen.machine.host !== null
const isReady = (part: { readonly status: { readonly state: string } } | null) =>
  part?.status.state === 'ready'

/** What must be so before each step. */
const before: { [Do in MachineStep['do']]: (seen: MachineObserved, of: MachineSpec) => boolean } = {
  place: (seen) => isLiving(seen) && seen.machine.host === null && seen.candidates.length > 0,
  allocate: isPlaced,
  'create-volume': (seen, of) =>
    isPlaced(seen) && !seen.bootVolume && (of.image === null || isReady(seen.image)),
  'grow-volume': (seen) => isPlaced(seen) && seen.bootVolume !== null,
  'create-guest': (seen) => isPlaced(seen) && !seen.guest && [seen.bootVolume, ...seen.disks].every(isReady),
  'update-guest': (seen) => isPlaced(seen) && seen.guest !== null,
  'remove-guest': (seen) => !isLiving(seen) && seen.guest !== null,
  'forget-guest': (seen) => !isLiving(seen) && seen.guest !== null && isSurelyAbsent(seen.guest),
  'delete-volume': (seen) => !isLiving(seen) && seen.guest === null && seen.bootVolume !== null,
  forget: (seen) => !isLiving(seen) && seen.guest === null && seen.bootVolume === null,
}

const isSurelyDown = ({ generation, spec, status }: GuestDocument) =>
  spec.power === 'off' &&
  status.generation >= generation &&
  status.pid === null &&
  ['stopped', 'crashed'].includes(status.phase)

const isSurelyAbsent = ({ generation, spec, status }: GuestDocument) =>
  spec.power === 'gone' &&
  status.phase === 'absent' &&
  status.generation >= generation &&
  status.epoch >= spec.epoch

/** Each time that a body is told what to be, on the way from any state. */
function everyTelling(
  check: (told: NonNullable<ReturnType<typeof guestToldBy>>, seen: MachineObserved, seed: string) => void,
) {
  everyChance((of, first, seed) => {
    for (const seen of followed(of, first).way) {
      const told = guestToldBy(of, seen)
      if (told !== undefined) check(told, seen, seed)
    }
  })
}

test('each boot has an epoch above all before it, and one boot keeps its own (I-01)', () => {
  everyTelling(({ spec }, { guest, machine }, seed) => {
    if (guest?.spec.boot === spec.boot) equal(spec.epoch, guest.spec.epoch, seed)
    else ok(spec.epoch > Math.max(machine.status.epoch, guest?.spec.epoch ?? 0), seed)
  })
})

test('a disk is never given up while the body that has it may run (I-01)', () => {
  everyTelling((told, { guest }, seed) => {
    if (told.do !== 'update-guest' || guest === null || isSurelyDown(guest)) return
    const now = new Set(told.spec.disks.map((disk) => disk.volume))
    for (const { volume } of guest.spec.disks) {
      ok(now.has(volume) && !told.releases.includes(`attach/${volume}`), `${seed}: ${volume}`)
    }
  })
})
