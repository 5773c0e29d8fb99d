/** Volume planner: every state that there is against every wish, and a world that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { reason } from '#model/plan.ts'
import { planVolume, volumeState, type VolumeObserved, type VolumeStep } from './plan.ts'
import { volume, type VolumeSpec } from './schema.ts'

const mib = 2 ** 20
const wish: VolumeSpec = volume.spec.parse({ sizeMib: 8, image: 'starter' })
const seen: VolumeObserved = {
  isDeleting: false,
  state: 'ready',
  sizeBytes: 8 * mib,
  isImageReady: true,
  isDatastoreReady: true,
  isInUse: false,
  isHeld: false,
}
const either = [false, true]
const sizesMib = [4, 8, 16]
const wishes = [undefined, ...sizesMib].map((sizeMib): VolumeSpec =>
  sizeMib === undefined ? volume.spec.parse({ format: 'raw' }) : { ...wish, sizeMib },
)

const everyState: readonly VolumeObserved[] = either.flatMap((isDeleting) =>
  (['absent', 'creating', 'ready'] as const).flatMap((state) =>
    sizesMib.flatMap((size) =>
      either.flatMap((isImageReady) =>
        either.flatMap((isDatastoreReady) =>
          either.flatMap((isInUse) =>
            either.map((isHeld) => ({
              isDeleting,
              state,
              sizeBytes: size * mib,
              isImageReady,
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
  everyStep((step, { state, isImageReady, isDeleting }) => {
    if (step.do === 'create') ok(state !== 'ready' && isImageReady && !isDeleting)
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
    isImageReady: true,
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
  return { ...now, state: 'ready', sizeBytes: step.sizeBytes ?? now.sizeBytes }
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
