/** The machine's planner by chance: from any state that a crash, a person or a host may leave behind. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import { guest as guestKind, type GuestDocument, type GuestStatus } from '#kinds/guest/schema.ts'
import {
  disk,
  embodied,
  followed,
  fresh,
  image,
  machine,
  own,
  placed,
  snapshot,
  volume,
  wish,
} from '../../../test/kinds/machine-world.ts'
import { guestClaims } from './body.ts'
import type { MachineObserved } from './observed.ts'
import { allocationOf, planMachine, type MachineStep } from './plan.ts'
import type { MachineSpec } from './schema.ts'

const guestToldBy = (of: MachineSpec, seen: MachineObserved) =>
  planMachine(of, seen).steps.flatMap((step) =>
    step.do === 'create-guest' || step.do === 'update-guest' ? [step] : [],
  )[0]

/** One disk of an existing volume, one that is made for the machine. */
const [data, logs] = [disk({ name: 'data', volume: 'data' }), disk({ name: 'logs', sizeMib: 64 })]

function someWish(random: Random): MachineSpec {
  return {
    ...wish,
    power: oneOf(random, ['on', 'off', 'paused'] as const),
    boot: 1 + wholeFrom(random, 3),
    cpus: 1 + wholeFrom(random, 3),
    memoryMib: oneOf(random, [64, 256, 16_384]),
    image: oneOf(random, [null, 'debian']),
    disks: oneOf(random, [[], [data], [logs], [data, logs]]),
    ...oneOf(random, [{}, { diskMib: 1024 }, { diskMib: 2048 }]),
    forceOnceSeconds: oneOf(random, [null, 0]),
    revert: oneOf(random, [null, null, { snapshot: 'before', at: 1 }]),
    hasTpm: random() < 0.2,
  }
}

const states = ['ready', 'ready', 'creating'] as const
const someBoot = (random: Random) => own('disk0', oneOf(random, states), oneOf(random, [undefined, 1024]))

function someDisks(random: Random, of: MachineSpec): Pick<MachineObserved, 'disks' | 'spare'> {
  const made = oneOf(random, [null, own('logs', oneOf(random, states), 64)])
  const disks = of.disks.map(({ volume: name }) =>
    name === null ? made : oneOf(random, [null, volume(name, oneOf(random, states))]),
  )
  return { disks, spare: made !== null && !of.disks.includes(logs) ? [made] : [] }
}

/** Any state that may be; its body was made for an older wish. */
function anything(random: Random, of: MachineSpec): MachineObserved {
  const own = { ...machine, spec: of }
  if (random() < 0.15)
    return {
      ...fresh,
      machine: { ...own, host: null },
      disks: of.disks.map(() => null),
      candidates: random() < 0.2 ? [] : fresh.candidates,
    }
  const older = someWish(random)
  const status = {
    ...machine.status,
    epoch: wholeFrom(random, 4),
    revertedAt: wholeFrom(random, 2),
    reverting: oneOf(random, [null, { at: 1, volumes: [{ volume: 'id-of-web-boot', at: 1 }] }]),
  }
  const seen: MachineObserved = {
    ...placed,
    machine: { ...own, status },
    image: oneOf(random, [image, image, null]),
    bootVolume: oneOf(random, [null, someBoot(random), someBoot(random)]),
    allocated: oneOf(random, [null, allocationOf(older)]),
    room: oneOf(random, [null, { cpus: -1, memoryMib: -64 }, { cpus: 8, memoryMib: 32_768 }]),
    returning: oneOf(random, [
      null,
      snapshot('before', ['web-boot']),
      snapshot('before', ['web-boot', 'data']),
    ]),
    ...someDisks(random, older),
  }
  const body = random() < 0.6 ? embodied(seen, older, someReport(random)) : seen
  return { ...body, ...someDisks(random, of) }
}

const someReport = (random: Random): Partial<GuestStatus> => ({
  phase: oneOf(random, guestKind.status.shape.phase.unwrap().options),
  generation: wholeFrom(random, 2),
  pid: oneOf(random, [null, 7]),
  running: oneOf(random, [
    null,
    { cpus: 2, memoryMib: 512, machineType: 'q35' },
    { cpus: 2, memoryMib: 512, machineType: 'q35', disks: ['id-of-web-boot', 'id-of-data'] },
    { cpus: 2, memoryMib: 512, machineType: 'q35', disks: ['id-of-web-boot'] },
  ]),
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
    ok(done.length <= 14, `${seed}: ${done.join()}`)
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
  const { guest } = seen
  const gone = guest && { phase: 'absent' as const, generation: guest.generation, epoch: guest.spec.epoch }
  return {
    ...seen,
    guest: guest?.spec.power === 'gone' ? { ...guest, status: { ...guest.status, ...gone } } : guest,
  }
}

const ownOf = ({ bootVolume, disks, spare }: MachineObserved) =>
  [bootVolume, ...disks, ...spare].filter((one) => one?.owner === machine.id)

test('a deletion from any state ends with the machine forgotten, and nothing of it is left (I-20)', () => {
  const order = ['remove-guest', 'forget-guest', 'delete-volume', 'forget']
  everyChance((of, seen, seed) => {
    const deleting = { ...seen, machine: { ...seen.machine, deletingAtMs: 1 } }
    const { done, now } = followed(of, deleting, leaving)
    equal(done.at(-1), 'forget', seed)
    deepEqual(
      [...new Set(done)],
      order.filter((name) => done.some((one) => one === name)),
      seed,
    )
    deepEqual([now.guest, ownOf(now)], [null, []], seed)
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
  'create-snapshot': isPlaced,
  'delete-snapshot': (seen) => seen.source !== null,
  'create-volume': (seen, of) =>
    isPlaced(seen) && (seen.bootVolume !== null || of.image === null || isReady(seen.image)),
  'grow-volume': (seen) => isPlaced(seen) && seen.bootVolume !== null,
  'release-volume': (seen) => isLiving(seen) && seen.spare.length > 0,
  'revert-volumes': (seen) => isLiving(seen) && (seen.guest === null || isSurelyDown(seen.guest)),
  'end-revert': (seen) => isLiving(seen) && (seen.guest === null || isSurelyDown(seen.guest)),
  'create-guest': (seen) => isPlaced(seen) && !seen.guest && [seen.bootVolume, ...seen.disks].every(isReady),
  'update-guest': (seen) => isPlaced(seen) && seen.guest !== null,
  'remove-guest': (seen) => !isLiving(seen) && seen.guest !== null,
  'forget-guest': (seen) => !isLiving(seen) && seen.guest !== null && isSurelyAbsent(seen.guest),
  'delete-volume': (seen) => !isLiving(seen) && seen.guest === null && ownOf(seen).length > 0,
  forget: (seen) => !isLiving(seen) && seen.guest === null && ownOf(seen).length === 0,
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
    if (guest !== null && guest.spec.boot === spec.boot) equal(spec.epoch, guest.spec.epoch, seed)
    else ok(spec.epoch > Math.max(machine.status.epoch, guest?.spec.epoch ?? 0), seed)
  })
})

/** What the process may have open, in other words than the planner's. */
function mayHave(guest: GuestDocument, volume: string): boolean {
  const { spec, status, generation } = guest
  if (isSurelyDown(guest)) return false
  // It is told to have it: it may begin with it at any time.
  if (spec.disks.some((one) => one.volume === volume)) return true
  const since = spec.leaving.find((one) => one.volume === volume)?.generation ?? generation
  const isNews = status.generation >= since
  const isOut = status.running?.disks?.includes(volume) === false && status.pid !== null
  const isDown = status.pid === null && ['absent', 'stopped', 'crashed'].includes(status.phase)
  return !(isNews && (isOut || isDown))
}

test('a disk is never given back while the body may have it, and no claim is lost from sight (I-01, I-27)', () => {
  let [givenBack, kept] = [0, 0]
  everyTelling((told, { guest }, seed) => {
    if (told.do !== 'update-guest' || guest === null) return
    const now = guestClaims('a', told.spec)
    for (const claim of guestClaims('a', guest.spec)) {
      equal(told.releases.includes(claim), !now.includes(claim), `${seed}: ${claim}`)
      if (!claim.startsWith('attach/')) continue
      const volume = claim.slice('attach/'.length)
      if (told.releases.includes(claim)) ok(!mayHave(guest, volume), `${seed}: ${volume}`)
      if (told.releases.includes(claim)) givenBack++
      else if (!told.spec.disks.some((one) => one.volume === volume)) kept++
    }
  })
  ok(givenBack > 100 && kept > 100, `${givenBack} ${kept}`)
})

test('disks go back to a snapshot only while no process may have them open (I-01, I-29)', () => {
  let reverted = 0
  everyChance((of, first, seed) => {
    for (const seen of [...followed(of, first).way, ...followed(of, first, busy).way])
      for (const step of planMachine(of, seen).steps) {
        if (step.do !== 'revert-volumes' && step.do !== 'end-revert') continue
        reverted++
        for (const { volume } of seen.guest?.spec.disks ?? [])
          ok(!mayHave(seen.guest as GuestDocument, volume), seed)
      }
  })
  ok(reverted > 100, `${reverted}`)
})

test('a disk that was made for the machine is never deleted because it is no longer wished (I-29)', () => {
  everyChance((of, first, seed) => {
    for (const seen of followed(of, first).way)
      for (const step of planMachine(of, seen).steps) ok(step.do !== 'delete-volume', seed)
  })
})
