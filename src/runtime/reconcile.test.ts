/** The one loop: what a round does with a plan, with a fault, with a commit that met another. */

import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#model/problem.ts'
import { proceed, reason, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import { round, type Reconciler } from './reconcile.ts'

type Step = { readonly do: 'first' } | { readonly do: 'second' }
type Seen = { readonly id: string }

/** A reconciler of one thing that follows a given plan, and a book of what it did. */
function following(plan: Plan<Step>, change: Partial<Reconciler<Seen, Step, readonly Hold[]>> = {}) {
  const book: string[] = []
  const told: (readonly Hold[])[] = []
  const reconciler: Reconciler<Seen, Step, readonly Hold[]> = {
    name: 'thing',
    observe: async (id) => ({ id }),
    plan: () => plan,
    report: (_, { holds }) => holds,
    hands: () => ({
      first: async () => void book.push('first'),
      second: async () => void book.push('second'),
    }),
    tell: async (_, status) => void told.push(status),
    ...change,
  }
  return { reconciler, book, told }
}
const failing = (fault: unknown) => ({
  hands: () => ({
    first: async () => {
      throw fault
    },
    second: async () => {
      throw new Error('a step after one that failed')
    },
  }),
})
const codes = (told: readonly (readonly Hold[])[]) => told.map((holds) => holds.map(({ code }) => code))

test('what is not there any more needs no round', async () => {
  const { reconciler, told } = following(proceed({ do: 'first' }), { observe: async () => undefined })
  deepEqual(await round(reconciler, 'a'), {})
  deepEqual(told, [])
})

test('steps are taken in order, nobody is told of moves, and it looks again at once', async () => {
  const { reconciler, book, told } = following(proceed<Step>({ do: 'first' }, { do: 'second' }))
  deepEqual(await round(reconciler, 'a'), { againMs: 0 })
  deepEqual([book, told], [['first', 'second'], []])
})

test('a settled thing is told of once, and a waiting one is looked at again when its plan says', async () => {
  const quiet = following(settled)
  deepEqual(await round(quiet.reconciler, 'a'), {})
  deepEqual(quiet.told, [[]])
  const waiting = following(wait('machine/no-hosts', {}, 5_000))
  deepEqual(await round(waiting.reconciler, 'a'), { againMs: 5_000 })
  deepEqual(codes(waiting.told), [['machine/no-hosts']])
})

test('after a step that fails no other is taken; people are told why, and the fault goes on to the queue', async () => {
  const plan = { ...proceed<Step>({ do: 'first' }, { do: 'second' }), holds: [reason('machine/no-hosts')] }
  const { reconciler, told } = following(plan, failing(new Problem('store/full')))
  await rejects(round(reconciler, 'a'), { code: 'store/full' })
  deepEqual(codes(told), [['machine/no-hosts', 'object/failed']])
  equal(told[0]?.[1]?.facts.code, 'store/full')
})

test('a bug is told as one, in few words', async () => {
  const { reconciler, told } = following(proceed({ do: 'first' }), failing(new TypeError('x'.repeat(5_000))))
  await rejects(round(reconciler, 'a'), TypeError)
  deepEqual([told[0]?.[0]?.facts.code, String(told[0]?.[0]?.facts.why).length], ['bug', 400])
})

test('a reconciler that can explain a problem does so in its own words', async () => {
  const explain = ({ code }: Problem) => (code === 'store/claimed' ? reason('machine/no-hosts') : undefined)
  for (const [code, said] of [
    ['store/claimed', 'machine/no-hosts'],
    ['store/full', 'object/failed'],
  ] as const) {
    const { reconciler, told } = following(proceed({ do: 'first' }), {
      ...failing(new Problem(code)),
      explain,
    })
    await rejects(round(reconciler, 'a'), { code })
    deepEqual(codes(told), [[said]])
  }
})

test('two commits that met are no news: another round soon, nobody is told, wherever it happens', async () => {
  const conflict = new Problem('store/conflict', { kind: 'thing', id: 'a' })
  const thrown = async () => {
    throw conflict
  }
  const inStep = following(proceed({ do: 'first' }), failing(conflict))
  deepEqual(await round(inStep.reconciler, 'a'), { againMs: 20 })
  deepEqual(inStep.told, [])
  for (const where of [{ observe: thrown }, { tell: thrown }])
    deepEqual(await round(following(settled, where).reconciler, 'a'), { againMs: 20 })
})

test('a program may be stopped before any step, and that step is not taken (I-20)', async () => {
  const { reconciler, book } = following(proceed<Step>({ do: 'first' }, { do: 'second' }))
  const stop = (name: string, id: string, step: { readonly do: string }) => {
    book.push(`${name} ${id} before ${step.do}`)
    if (step.do === 'second') throw new Error('stopped here')
  }
  await rejects(round(reconciler, 'a', stop), /stopped here/)
  deepEqual(book, ['thing a before first', 'first', 'thing a before second'])
})
