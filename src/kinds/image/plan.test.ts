/** Image planner: every state that there is, for both sources, and a world that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { imageState, planImage, type ImageActivity, type ImageObserved, type ImageStep } from './plan.ts'
import { image, sourceOf, type ImageSpec } from './schema.ts'

const starter = image.spec.parse({ source: 'starter' })
const upload = image.spec.parse({ source: 'upload' })
const copy = image.spec.parse({ volume: 'web-boot' })
const wishes = [starter, upload, copy, image.spec.parse({ catalogue: 'debian-13' })]
const progress = { step: 'Unpacking', fraction: 0.5, etaSeconds: 3 }
const activities: readonly ImageActivity[] = [
  { is: 'idle' },
  { is: 'receiving', progress },
  { is: 'building', progress },
  { is: 'failed', why: 'no mirror answers', mayRetry: true },
  { is: 'failed', why: 'not a disk', mayRetry: false },
]
const either = [false, true]

const everyState: readonly ImageObserved[] = either.flatMap((isDeleting) =>
  (['absent', 'partial', 'ready'] as const).flatMap((state) =>
    activities.flatMap((activity) =>
      either.flatMap((isDatastoreReady) =>
        [null, 'web-boot'].flatMap((usedBy) =>
          (['none', 'absent', 'in-use', 'ready'] as const).map((volume) => ({
            isDeleting,
            state,
            activity,
            isDatastoreReady,
            usedBy,
            volume,
          })),
        ),
      ),
    ),
  ),
)

function everyStep(check: (step: ImageStep, seen: ImageObserved, wish: ImageSpec) => void) {
  let steps = 0
  for (const wish of wishes)
    for (const seen of everyState)
      for (const step of planImage(wish, seen).steps) {
        check(step, seen, wish)
        steps++
      }
  ok(steps > 20)
}

const isBusy = ({ activity }: ImageObserved) => activity.is === 'receiving' || activity.is === 'building'

test('an image is removed only when that is wished and no volume stands on it (I-33)', () => {
  everyStep((step, { isDeleting, usedBy }) => {
    if (step.do === 'remove') ok(isDeleting && usedBy === null)
  })
})

test('what nobody sends is made: where there is none, once at a time, not after a lasting failure, not of a volume in use', () => {
  everyStep((step, seen, wish) => {
    if (step.do !== 'make') return
    ok(sourceOf(wish) !== 'upload')
    ok(sourceOf(wish) !== 'volume' || (seen.volume !== 'in-use' && seen.volume !== 'absent'))
    ok(!seen.isDeleting && seen.state !== 'ready' && !isBusy(seen))
    ok(seen.activity.is !== 'failed' || seen.activity.mayRetry)
  })
})

test('nothing is done to a datastore that is not ready', () => {
  everyStep((_, { isDatastoreReady }) => ok(isDatastoreReady))
})

test('whoever gets nothing done is told why, and a ready image has nothing to say', () => {
  for (const wish of wishes)
    for (const seen of everyState) {
      const { steps, holds } = planImage(wish, seen)
      const isDone = seen.isDeleting
        ? imageState(seen) === 'gone' && seen.usedBy === null
        : seen.state === 'ready'
      const isSilent = steps.length === 0 && holds.length === 0
      equal(isSilent, isDone && seen.isDatastoreReady, JSON.stringify(seen))
    }
})

test('the sentence fits what goes on', () => {
  const seen: ImageObserved = {
    isDeleting: false,
    state: 'absent',
    activity: { is: 'idle' },
    isDatastoreReady: true,
    usedBy: null,
    volume: 'none',
  }
  const told = (activity: ImageActivity) =>
    planImage(upload, { ...seen, activity })
      .holds.map(({ code }) => code)
      .join()
  deepEqual(activities.map(told), [
    'image/waiting-for-content',
    'image/uploading',
    'image/building',
    'image/failed',
    'image/failed',
  ])
})

test('a removal goes on until nothing is left, also while content still comes in', () => {
  for (const first of everyState.filter(
    ({ isDeleting, isDatastoreReady }) => isDeleting && isDatastoreReady,
  )) {
    let now: ImageObserved = { ...first, usedBy: null }
    for (let round = 0; round < 2; round++)
      for (const { do: name } of planImage(upload, now).steps) {
        equal(name, 'remove')
        now = { ...now, state: 'absent', activity: { is: 'idle' } }
      }
    deepEqual(planImage(upload, now), { steps: [], holds: [] })
    equal(imageState(now), 'gone')
  }
})

test('people are told that it is gone only when nothing is left, and ready only when it is', () => {
  for (const seen of everyState) {
    equal(imageState(seen) === 'gone', seen.isDeleting && seen.state === 'absent' && !isBusy(seen))
    equal(imageState(seen) === 'ready', seen.state === 'ready')
  }
})
