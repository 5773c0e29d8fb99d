/** Snapshot planner: every way through, and a world in which anything may die between two steps. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  blankSnapshot,
  planSnapshot,
  type SnapshotDisk,
  type SnapshotObserved,
  type SnapshotStep,
} from './plan.ts'
import type { Moment } from './parts.ts'
import { snapshot, type SnapshotSpec } from './schema.ts'

const wish = snapshot.spec.parse({ machine: 'web' })
const disk: SnapshotDisk = {
  disk: 'disk0',
  volume: 'v0',
  volumeName: 'web-boot',
  datastore: 'local',
  sizeBytes: 0,
  isReady: true,
  isEncrypted: false,
  depth: 0,
  hasLayer: false,
  next: null,
  openFile: '/top',
}
const seen: SnapshotObserved = {
  id: 's',
  isDeleting: false,
  record: blankSnapshot,
  disks: [disk, { ...disk, disk: 'disk1', volume: 'v1' }],
  guest: 'standing',
  hasAgent: true,
  hasMemory: false,
  unfit: null,
  other: null,
}

const doing = (spec: SnapshotSpec, observed: SnapshotObserved) =>
  planSnapshot(spec, observed).steps.map((step) => step.do)
const codes = (spec: SnapshotSpec, observed: Partial<SnapshotObserved>) =>
  planSnapshot(spec, { ...seen, ...observed }).holds.map(({ code }) => code)

/** The world after a step; `files` are what the guest has open. */
function after(now: SnapshotObserved, step: SnapshotStep): SnapshotObserved {
  const among = (disks: readonly { volume: string }[], edit: (one: SnapshotDisk) => SnapshotDisk) => ({
    ...now,
    disks: now.disks.map((one) => (disks.some(({ volume }) => volume === one.volume) ? edit(one) : one)),
  })
  switch (step.do) {
    case 'note':
      return { ...now, record: step.record }
    case 'prepare':
      return among(step.disks, (one) => ({ ...one, next: { snapshot: 's', file: `/new-${one.volume}` } }))
    case 'switch': {
      const switched = among(step.disks, (one) => ({ ...one, openFile: one.next?.file ?? one.openFile }))
      if (!step.withMemory) return switched
      // What it fits into is noted by the same deed; this planner only asks whether it is.
      return { ...switched, hasMemory: true, record: { ...now.record, moment: {} as Moment } }
    }
    case 'raise':
      return among(step.disks, (one) => ({ ...one, next: null, hasLayer: true }))
    case 'lower':
      return among(step.disks, (one) => ({ ...one, next: null }))
    case 'drop':
      return { ...among(step.disks, (one) => ({ ...one, hasLayer: false })), hasMemory: false }
    case 'taken':
      return { ...now, record: { ...now.record, phase: 'taken' } }
    case 'thaw':
      return { ...now, record: { ...now.record, mayBeFrozen: false } }
    case 'freeze':
      return now
  }
}

test('all disks are switched in one step, between a freeze that was noted and a thaw (I-38)', () => {
  const begun = after(seen, planSnapshot(wish, seen).steps[0] as SnapshotStep)
  deepEqual(doing(wish, begun), ['prepare'])
  const prepared = after(begun, planSnapshot(wish, begun).steps[0] as SnapshotStep)
  deepEqual(doing(wish, prepared), ['note', 'freeze', 'switch', 'thaw', 'raise'])
  const { steps } = planSnapshot(wish, prepared)
  ok(steps[0]?.do === 'note' && steps[0].record.mayBeFrozen)
  ok(steps[2]?.do === 'switch' && steps[2].disks.length === 2)
  deepEqual(doing({ ...wish, freeze: 'never' }, prepared), ['switch', 'raise'])
  deepEqual(doing(wish, { ...prepared, hasAgent: false }), ['switch', 'raise'])
  deepEqual(doing(wish, { ...prepared, guest: 'none' }), ['raise'])
})

test('what may be frozen is thawed before anything else, also when it is deleted (I-38)', () => {
  for (const isDeleting of [false, true]) {
    const record = { ...blankSnapshot, phase: 'begun', mayBeFrozen: true } as const
    deepEqual(doing(wish, { ...seen, isDeleting, record }), ['thaw', 'note'])
  }
})

test('memory of which nobody knows what it fits into is lost', () => {
  const record = { ...blankSnapshot, phase: 'begun' } as const
  const whole = { ...seen, record, hasMemory: true, disks: [{ ...disk, hasLayer: true }] }
  const [step] = planSnapshot({ ...wish, withMemory: true }, whole).steps
  ok(step?.do === 'note' && step.record.phase === 'failed')
  deepEqual(doing(wish, whole), ['taken'])
})

test('why nothing is begun is told', () => {
  deepEqual(codes(wish, { other: 'first' }), ['snapshot/another'])
  deepEqual(codes(wish, { guest: 'busy' }), ['snapshot/guest-busy'])
  deepEqual(codes({ ...wish, withMemory: true }, { guest: 'none' }), ['snapshot/not-running'])
  deepEqual(codes({ ...wish, freeze: 'always' }, { hasAgent: false }), ['snapshot/no-agent'])
  deepEqual(codes(wish, { disks: [{ ...disk, depth: 128 }] }), ['snapshot/too-deep'])
  deepEqual(codes({ ...wish, withMemory: true }, { disks: [{ ...disk, isEncrypted: true }] }), [
    'snapshot/memory-plain',
  ])
})

test('a guest that never went over keeps its old top when the snapshot is given up (I-29)', () => {
  const next = { snapshot: 's', file: '/new' }
  const begun = { ...seen, isDeleting: true, record: { ...blankSnapshot, phase: 'begun' } } as const
  const prepared = { ...begun, disks: [{ ...disk, next }] }
  deepEqual(doing(wish, prepared), ['lower'])
  deepEqual(doing(wish, { ...prepared, disks: [{ ...disk, next, openFile: '/new' }] }), ['raise'])
  deepEqual(doing(wish, { ...prepared, guest: 'none' }), ['raise'])
})

test('I-20 whatever dies between two steps, it ends taken, failed with nothing left, or gone', () => {
  fc.assert(
    fc.property(
      fc.record({ withMemory: fc.boolean(), freeze: fc.constantFrom('auto', 'never') }),
      fc.array(fc.constantFrom('run', 'stop-early', 'guest-dies', 'delete'), { maxLength: 12 }),
      (change, fates) => {
        const spec = { ...wish, ...change } as SnapshotSpec
        let now = seen
        for (const fate of [...fates, ...Array.from({ length: 12 }, () => 'run')]) {
          if (fate === 'delete') now = { ...now, isDeleting: true }
          if (fate === 'guest-dies')
            now = { ...now, guest: 'none', disks: now.disks.map((one) => ({ ...one, openFile: null })) }
          const { steps } = planSnapshot(spec, now)
          for (const step of fate === 'stop-early' ? steps.slice(0, 1) : steps) now = after(now, step)
        }
        const { phase, mayBeFrozen } = now.record
        equal(mayBeFrozen, false)
        const left = now.disks.some(({ hasLayer, next }) => hasLayer || next !== null)
        if (now.isDeleting) ok(phase === 'gone' && !left && !now.hasMemory)
        else if (phase === 'taken') ok(now.disks.every(({ hasLayer }) => hasLayer))
        else if (phase === 'failed') ok(!left)
        else ok(phase === 'none' && now.guest === 'none' && spec.withMemory, phase)
      },
    ),
    { numRuns: 500, seed: 38 },
  )
})
