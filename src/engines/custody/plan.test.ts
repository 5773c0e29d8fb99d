/** Custody: every state that there is; who carries out what lies in a datastore, and when it is forgotten. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { planCustody, type CustodyObserved, type CustodyStep, type CustodyWish } from './plan.ts'

const either = [false, true]
const seen: CustodyObserved = {
  host: 'a',
  isHostConnected: true,
  isGone: false,
  reaching: ['a'],
  isImage: false,
  lacksKey: false,
}

const everyState: readonly CustodyObserved[] = [null, 'a', 'b'].flatMap((host) =>
  either.flatMap((isHostConnected) =>
    either.flatMap((isGone) =>
      [[], ['a'], ['c', 'b', 'a'], ['b', 'c']].flatMap((reaching) =>
        either.map((isImage) => ({ ...seen, host, isHostConnected, isGone, reaching, isImage })),
      ),
    ),
  ),
)

function everyStep(check: (step: CustodyStep, seen: CustodyObserved, wish: CustodyWish) => void) {
  let steps = 0
  for (const isDeleting of either)
    for (const state of everyState)
      for (const step of planCustody({ datastore: 'local', isDeleting }, state).steps) {
        check(step, state, { datastore: 'local', isDeleting })
        steps++
      }
  ok(steps > 20)
}

const codes = (state: CustodyObserved) =>
  planCustody({ datastore: 'local', isDeleting: false }, state).holds.map(({ code }) => code)

test('what a host carries out stays with it: a second one could write to the same disk (I-01)', () => {
  everyStep((step, { host }) => {
    if (step.do === 'assign') equal(host, null)
  })
})

test('the host is one that reaches the datastore, the first by name however they are told', () => {
  everyStep((step, { reaching }) => {
    if (step.do === 'assign') equal(step.host, reaching.toSorted()[0])
  })
  deepEqual(
    planCustody({ datastore: 'local', isDeleting: false }, { ...seen, host: null, reaching: ['c', 'b'] })
      .steps,
    [{ do: 'assign', host: 'b' }],
  )
})

test('it is forgotten only when that is wished and nothing is left of it anywhere (I-20)', () => {
  everyStep((step, { host, isGone }, { isDeleting }) => {
    if (step.do === 'forget') ok(isDeleting && (host === null || isGone))
  })
})

test('a deletion that nobody has taken up needs no host', () => {
  for (const state of everyState.filter(({ host }) => host === null))
    deepEqual(planCustody({ datastore: 'local', isDeleting: true }, state).steps, [{ do: 'forget' }])
})

test('why nothing goes on is told: no host, or one that is silent', () => {
  deepEqual(codes({ ...seen, host: null, reaching: [] }), ['volume/datastore-not-ready'])
  deepEqual(codes({ ...seen, host: null, reaching: [], isImage: true }), ['image/no-host'])
  deepEqual(codes({ ...seen, isHostConnected: false }), ['object/host-silent'])
  deepEqual(codes(seen), [])
})
