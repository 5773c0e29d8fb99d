/** What the guest's planner does of any two wishes is what the table of changes said beforehand. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { changesOf, waitingOf } from '#kinds/machine/changes.ts'
import { GuestDisk, GuestNic } from './parts.ts'
import { blankRecord, planGuest, type GuestObserved, type GuestStep } from './plan.ts'
import type { GuestRunning } from './plan-record.ts'
import { guest as guestKind, type GuestSpec } from './schema.ts'

const aDisk = (id: string) =>
  fc
    .record({
      volume: fc.constantFrom(`${id}-a`, `${id}-a`, `${id}-b`),
      bus: fc.constantFrom('virtio' as const, 'virtio' as const, 'scsi' as const, 'sata' as const),
      cache: fc.constantFrom('writeback' as const, 'writeback' as const, 'none' as const),
      iops: fc.constantFrom(null, 100),
      sizeBytes: fc.constantFrom(null, 2 ** 20, 2 ** 21),
    })
    .map((some) =>
      GuestDisk.parse({ id, volumeName: id, datastore: 'd', format: 'qcow2', isReadOnly: false, ...some }),
    )
const aNic = (id: string) =>
  fc
    .record({
      network: fc.constantFrom('n1', 'n1', 'n2'),
      driver: fc.constantFrom('user' as const, 'bridge' as const),
      isLinkUp: fc.boolean(),
      groups: fc.constantFrom([], ['g1']),
      forwards: fc.constantFrom([], [{ guestPort: 22 }]),
    })
    .map((some) => GuestNic.parse({ id, mac: '52:54:00:00:00:01', isRestricted: false, ...some }))
const maybe = <Part>(part: fc.Arbitrary<Part>) => fc.option(part).map((one) => (one === null ? [] : [one]))

const aWish = fc
  .record({
    cpus: fc.integer({ min: 1, max: 6 }),
    memoryMib: fc.constantFrom(64, 128, 256, 1024),
    balloonMib: fc.constantFrom(null, 64),
    machineType: fc.constantFrom('q35' as const, 'q35' as const, 'q35' as const, 'microvm' as const),
    disks: fc
      .tuple(maybe(aDisk('disk0')), maybe(aDisk('data')), maybe(aDisk('more')))
      .map((list) => list.flat()),
    nics: fc.tuple(maybe(aNic('net0')), maybe(aNic('net1'))).map((list) => list.flat()),
    cdroms: fc.array(fc.constantFrom(null, 'iso'), { maxLength: 2 }),
    shape: fc.record({
      cpusMax: fc.constantFrom(4, 4, null),
      memoryMaxMib: fc.constantFrom(512, 512, null),
      watchdog: fc.constantFrom('none' as const, 'none' as const, 'reset' as const),
      bootOrder: fc.constantFrom(['disk' as const], ['network' as const]),
    }),
  })
  .map(({ cdroms, ...some }): GuestSpec =>
    guestKind.spec.parse({
      machine: 'm',
      machineName: 'web',
      epoch: 1,
      power: 'on',
      boot: 1,
      forceAfterSeconds: 60,
      restart: 'on-failure',
      kernelImage: null,
      kernelDatastore: null,
      commandLine: '',
      machineSpec: {},
      ...some,
      cdroms: cdroms.map((image, at) => ({ id: `cdrom${at}`, image, datastore: 'd' })),
    }),
  )

const runs = (spec: GuestSpec): GuestRunning => ({
  cpus: spec.cpus,
  memoryMib: spec.memoryMib,
  machineType: spec.machineType,
  cpusMax: Math.max(spec.cpus, spec.shape.cpusMax ?? 0),
  memoryMaxMib: Math.max(spec.memoryMib, spec.shape.memoryMaxMib ?? 0),
  balloonMib: Math.min(spec.balloonMib ?? spec.memoryMib, spec.memoryMib),
  machineVersion: null,
  disks: spec.disks.map(({ id, volume, sizeBytes }) => ({ id, file: volume, sizeBytes: sizeBytes ?? 0 })),
  nics: spec.nics.map(({ id, mac, isLinkUp }) => ({ id, mac, isLinkUp })),
  cdroms: spec.cdroms.map(({ id, image }) => ({ id, file: image })),
})

function begunWith(spec: GuestSpec): GuestObserved {
  const { memoryMib, machineType, kernelImage, commandLine, shape, disks, nics } = spec
  const begun = { memoryMib, machineType, kernelImage, commandLine, shape }
  const ready = { sinceMs: 1, by: 'word' as const }
  return {
    process: 'running',
    pid: 7,
    boot: 1,
    startedAtMs: 0,
    running: runs(spec),
    isIoStopped: false,
    isWatchdogStopped: false,
    wordSeenAtMs: 1,
    inside: null,
    detail: '',
    record: { ...blankRecord, epoch: 1, boot: 1, begun, disks, nics, ready },
    waits: {},
    media: {},
    attempts: {},
    moment: null,
    isClaimed: true,
    hostBoot: 'b',
    nowMs: 1_000_000,
  }
}

/** One step come true. */
function after(wish: GuestSpec, seen: GuestObserved, step: GuestStep): GuestObserved {
  const was = seen.running ?? runs(wish)
  const now = (change: Partial<GuestRunning>) => ({ ...seen, running: { ...was, ...change } })
  const fresh = runs(wish)
  switch (step.do) {
    case 'note':
      return { ...seen, record: step.record }
    case 'attach-disk':
      return now({ disks: [...was.disks, ...fresh.disks.filter(({ id }) => id === step.disk)] })
    case 'detach-disk':
      return now({ disks: was.disks.filter(({ id }) => id !== step.disk) })
    case 'resize-disk':
      return now({
        disks: was.disks.map((one) => (one.id === step.disk ? { ...one, sizeBytes: step.sizeBytes } : one)),
      })
    case 'attach-nic':
      return now({ nics: [...was.nics, ...fresh.nics.filter(({ id }) => id === step.nic)] })
    case 'detach-nic':
      return now({ nics: was.nics.filter(({ id }) => id !== step.nic) })
    case 'set-link':
      return now({
        nics: was.nics.map((one) => (one.id === step.nic ? { ...one, isLinkUp: step.isUp } : one)),
      })
    case 'change-medium':
      return now({
        cdroms: was.cdroms.map((one) => (one.id === step.cdrom ? { ...one, file: step.file } : one)),
      })
    case 'set-cpus':
      return now({ cpus: step.cpus })
    case 'set-memory':
      return now({ memoryMib: step.memoryMib, balloonMib: step.memoryMib })
    case 'set-balloon':
      return now({ balloonMib: step.memoryMib })
    case 'limit-disk':
    case 'renew-nic':
      return seen
    default:
      throw new Error(`a change must not ${step.do}`)
  }
}

function settled(wish: GuestSpec, first: GuestObserved) {
  let seen: GuestObserved = {
    ...first,
    media: Object.fromEntries(wish.cdroms.map(({ id, image }) => [id, image])),
  }
  for (let rounds = 0; rounds < 60; rounds += 1) {
    const plan = planGuest(wish, seen)
    if (plan.steps.length === 0) return { seen, holds: plan.holds }
    for (const step of plan.steps) seen = after(wish, seen, step)
  }
  return assert.fail('it does not settle')
}

test('what the table of changes calls live comes live, and what it puts off is held by the same names', () => {
  fc.assert(
    fc.property(aWish, aWish, (before, wish) => {
      const first = begunWith(before)
      const running = { ...runs(before), memoryMinMib: before.memoryMib }
      const { seen, holds } = settled(wish, first)
      const fields = holds.find(({ code }) => code === 'guest/restart-required')?.facts.fields ?? ''
      const expected = waitingOf(changesOf(before, wish, running))
        .toSorted()
        .join(', ')
      assert.equal(fields, expected)
      if (expected !== '') return
      assert.deepEqual(holds, [])
      const ids = (parts: readonly { readonly id: string }[]) => parts.map(({ id }) => id).toSorted()
      assert.deepEqual(ids(seen.running?.disks ?? []), ids(wish.disks))
      assert.deepEqual(ids(seen.running?.nics ?? []), ids(wish.nics))
      assert.deepEqual([seen.running?.cpus, seen.running?.memoryMib], [wish.cpus, wish.memoryMib])
      const volumes = seen.record.disks.map(({ volume }) => volume)
      assert.deepEqual(volumes.toSorted(), wish.disks.map(({ volume }) => volume).toSorted())
    }),
    { seed: 11, numRuns: 1_000 },
  )
})

test('what came live goes live again, and the table says so of the guest as it runs by then', () => {
  const ofParts = (wish: GuestSpec) => {
    const { disks, nics, cdroms } = begun
    return { ...wish, disks, nics, cdroms, machineType: 'q35' as const, shape: begun.shape }
  }
  const begun = fc.sample(aWish, { seed: 5, numRuns: 1 })[0] ?? assert.fail('a wish')
  fc.assert(
    fc.property(aWish, aWish, aWish, (one, two, three) => {
      const [first, second, third] = [ofParts(one), ofParts(two), ofParts(three)]
      const middle = settled(second, begunWith(first))
      if (middle.holds.length > 0) return
      const { running } = middle.seen
      const told = { ...(running ?? assert.fail('it runs')), memoryMinMib: first.memoryMib }
      const { holds } = settled(third, middle.seen)
      const fields = holds.find(({ code }) => code === 'guest/restart-required')?.facts.fields ?? ''
      assert.equal(
        fields,
        waitingOf(changesOf(second, third, told))
          .toSorted()
          .join(', '),
      )
    }),
    { seed: 12, numRuns: 1_000 },
  )
})
