/** Volume planner: every state that there is against every wish, and a world that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { reason, type Hold } from '#model/plan.ts'
import { planVolume, volumeState, type VolumeObserved, type VolumeStep } from './plan.ts'
import { volume, type VolumeSpec } from './schema.ts'

const mib = 2 ** 20
const wish: VolumeSpec = volume.spec.parse({ sizeMib: 8, image: 'starter' })
const seen: VolumeObserved = {
  isDeleting: false,
  state: 'ready',
  sizeBytes: 8 * mib,
  sourceHold: null,
  isDatastoreReady: true,
  isInUse: false,
  user: null,
  isHeld: false,
  hasKey: true,
  layers: 0,
  snapshots: [],
  isSnapshotUnderWay: false,
  merge: null,
  revert: null,
  revertedAt: 0,
  elsewhere: null,
  isArriving: false,
  growsWithGuest: false,
  roomHold: null,
}
const noSource: Hold = reason('volume/image-not-ready', { image: 'starter' })
const either = [false, true]
const sizesMib = [4, 8, 16]
const wishes = [undefined, ...sizesMib].map((sizeMib): VolumeSpec =>
  sizeMib === undefined ? volume.spec.parse({ format: 'raw' }) : { ...wish, sizeMib },
)

const everyState: readonly VolumeObserved[] = either.flatMap((isDeleting) =>
  (['absent', 'creating', 'ready'] as const).flatMap((state) =>
    sizesMib.flatMap((size) =>
      [null, noSource].flatMap((sourceHold) =>
        either.flatMap((isDatastoreReady) =>
          either.flatMap((isInUse) =>
            either.map((isHeld) => ({
              ...seen,
              isDeleting,
              state,
              sizeBytes: size * mib,
              sourceHold,
              isDatastoreReady,
              isInUse,
              isHeld,
            })),
          ),
        ),
      ),
    ),
  ),
)

/** Each wish in each state, with the steps that follow. */
function everyStep(check: (step: VolumeStep, seen: VolumeObserved, wish: VolumeSpec) => void) {
  let steps = 0
  for (const spec of wishes)
    for (const state of everyState)
      for (const step of planVolume(spec, state).steps) {
        check(step, state, spec)
        steps++
      }
  ok(steps > 100)
}

const codes = (spec: VolumeSpec, observed: VolumeObserved) =>
  planVolume(spec, observed).holds.map(({ code }) => code)

test('nothing is done to a datastore that is not ready', () => {
  everyStep((_, { isDatastoreReady }) => ok(isDatastoreReady))
})

test('content is created only where there is none yet and its image is there', () => {
  everyStep((step, { state, sourceHold, isDeleting }) => {
    if (step.do === 'create') ok(state !== 'ready' && sourceHold === null && !isDeleting)
  })
})

test('a volume is removed only when that is wished, nobody has it open and nobody may open it (I-01)', () => {
  everyStep((step, { isDeleting, isInUse, isHeld }) => {
    if (step.do === 'remove') ok(isDeleting && !isInUse && !isHeld)
  })
  for (const held of [{ isInUse: true }, { isHeld: true }])
    deepEqual(codes(wish, { ...seen, ...held, isDeleting: true }), ['volume/in-use'])
})

test('a disk only ever grows, and only while no guest has it open (I-29)', () => {
  everyStep((step, { sizeBytes, isInUse }, { sizeMib }) => {
    if (step.do !== 'grow') return
    equal(step.sizeBytes, (sizeMib ?? 0) * mib)
    ok(step.sizeBytes > sizeBytes && !isInUse)
  })
  deepEqual(codes({ ...wish, sizeMib: 4 }, seen), ['volume/shrink'])
  deepEqual(codes({ ...wish, sizeMib: 16 }, { ...seen, isInUse: true }), ['volume/grow-stopped-only'])
})

test('what nothing will wake looks again by itself', () => {
  for (const spec of wishes)
    for (const state of everyState) {
      const plan = planVolume(spec, state)
      const isWaiting = plan.holds.some(({ code }) => code !== 'volume/shrink')
      equal(plan.againMs !== undefined, isWaiting, JSON.stringify({ spec, state }))
    }
})

test('once the world gives way it settles as wished from every state', () => {
  for (const spec of wishes) for (const state of everyState) checkSettles(spec, state)
})

function checkSettles(spec: VolumeSpec, first: VolumeObserved) {
  let now: VolumeObserved = {
    ...first,
    isDatastoreReady: true,
    sourceHold: null,
    isInUse: false,
    isHeld: false,
  }
  for (let round = 0; round < 3; round++)
    for (const step of planVolume(spec, now).steps) now = after(now, step)
  deepEqual(planVolume(spec, now).steps, [])
  equal(now.state, now.isDeleting ? 'absent' : 'ready')
  if (!now.isDeleting) ok(now.sizeBytes >= (spec.sizeMib ?? 0) * mib)
}

function after(now: VolumeObserved, step: VolumeStep): VolumeObserved {
  if (step.do === 'remove') return { ...now, state: 'absent' }
  if (step.do === 'create' || step.do === 'grow')
    return { ...now, state: 'ready', sizeBytes: step.sizeBytes ?? now.sizeBytes }
  return now
}

test('people are told that it is gone only when nothing is left, and never that a whole one has failed', () => {
  const failed = [reason('object/failed', { code: 'store/full', why: 'no room' })]
  for (const state of everyState) {
    equal(volumeState(state, []) === 'gone', state.isDeleting && state.state === 'absent')
    equal(
      volumeState(state, failed) === 'failed',
      state.state === 'creating' || (state.state === 'absent' && !state.isDeleting),
    )
    equal(volumeState(state, failed) === 'ready', state.state === 'ready')
  }
})

const merge = { into: '/v/top', gone: '/v/layer', base: null, isTop: true }
const user = { guest: 'g', disk: 'disk0', file: '/v/top', isHere: true }
const doing = (observed: Partial<VolumeObserved>) =>
  planVolume(wish, { ...seen, ...observed }).steps.map((step) => step.do)

test('what is merged into a top that a guest writes to is merged by that guest (I-01)', () => {
  deepEqual(doing({ merge }), ['merge'])
  deepEqual(doing({ merge, isInUse: true, user }), ['merge-live'])
  deepEqual(doing({ merge, isInUse: true, user: { ...user, file: '/v/older' } }), [])
  deepEqual(doing({ merge: { ...merge, isTop: false }, isInUse: true, user }), ['merge'])
  deepEqual(doing({ merge, isSnapshotUnderWay: true }), [])
})

test('a volume goes back only while nobody has it open, once for each count (I-29)', () => {
  const revert = { snapshot: 's', name: 'before', at: 2 }
  deepEqual(doing({ revert, snapshots: ['s'] }), ['revert'])
  deepEqual(doing({ revert, snapshots: ['s'], revertedAt: 2 }), [])
  deepEqual(doing({ revert, snapshots: ['s'], isInUse: true }), [])
  deepEqual(codes(wish, { ...seen, revert, snapshots: [] }), ['volume/snapshot-missing'])
})

test('the old content goes only when the new one is whole and nobody has the old one open (I-29)', () => {
  const old = { elsewhere: 'other' }
  deepEqual(doing({ ...old, state: 'absent' }), ['copy'])
  deepEqual(doing({ ...old, state: 'creating', isArriving: true }), ['discard'])
  deepEqual(doing({ ...old, state: 'ready' }), ['remove-old'])
  const onOld = { isInUse: true, user: { ...user, isHere: false } }
  for (const state of ['absent', 'ready'] as const) deepEqual(doing({ ...old, ...onOld, state }), ['mirror'])
  deepEqual(doing({ ...old, isInUse: true, user }), ['remove-old'])
  deepEqual(codes(wish, { ...seen, ...old, state: 'absent', snapshots: ['s'] }), [
    'volume/move-has-snapshots',
  ])
})
