/** What every metrics driver promises, as tests. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { oneOf, randomFrom, wholeFrom } from '#base/random.ts'
import { limits } from '#model/limits.ts'
import type { Sample, Subject } from '#model/metrics.ts'
import { tiers, type History, type Metrics } from './port.ts'

export type MetricsUnderTest = {
  readonly metrics: Metrics
  /** Closes it and opens it again on the same data. */
  reopen(): Promise<Metrics>
  dispose(): Promise<void> | void
}

export type MakeMetrics = () => Promise<MetricsUnderTest>

const web: Subject = { kind: 'machine', id: 'web' }
const hour = 3_600_000
const day = 24 * hour
/** The start of a pack of every tier, so that spans in tests are easy to read. */
const noon = 336 * hour * 1_440

const sample = (atMs: number, figures: Sample['figures'], more: Partial<Sample> = {}): Sample => ({
  subject: web,
  atMs,
  overMs: 10_000,
  figures,
  ...more,
})

/** One sample each 10 s with this value. */
const run = (fromMs: number, count: number, valueAt: (n: number) => number, subject = web) =>
  Array.from({ length: count }, (_, n) => sample(fromMs + (n + 1) * 10_000, { cpu: valueAt(n) }, { subject }))

const all = (nowMs: number) => ({ fromMs: noon - 30 * day, toMs: nowMs + hour, names: null, nowMs })

/** Until nothing is left to do. */
export async function tended(
  metrics: Metrics,
  nowMs: number,
  isKnown: readonly Subject[] = [web],
  mayForget = true,
) {
  for (let n = 0; n < 10_000; n++) if ((await metrics.tend({ nowMs, isKnown, mayForget })).isDone) return
  assert.fail('tending never ends')
}

const near = (found: number | null | undefined, wanted: number) =>
  assert.ok(
    Math.abs((found ?? Number.NaN) - wanted) <= Math.abs(wanted) * 5e-4 + 1e-9,
    `${found}, wanted ${wanted}`,
  )

/** Sum of value × slots: what is the same in every tier. */
const total = ({ series, stepMs }: History, name = 'cpu') =>
  (series[name]?.mean ?? []).reduce<number>((sum, value) => sum + (value ?? 0) * stepMs, 0)

/** Runs the whole contract against one driver. */
export function obeysMetricsContract(name: string, make: MakeMetrics) {
  const promise = (sentence: string, prove: (under: MetricsUnderTest) => Promise<void>) =>
    test(sentence, async () => {
      const under = await make()
      try {
        await prove(under)
      } finally {
        await under.dispose()
      }
    })
  describe(`the ${name} metrics`, () => {
    reading(promise)
    keeping(promise)
  })
}

type Promised = (sentence: string, prove: (under: MetricsUnderTest) => Promise<void>) => void

function reading(promise: Promised) {
  promise('of a stranger there is nothing', async ({ metrics }) => {
    const history = await metrics.read({ ...all(noon), subject: web, stepMs: 10_000 })
    assert.deepEqual([history.times, history.series], [[], {}])
  })

  promise(
    'samples are read back at once, slot by slot, with gaps where nothing is known',
    async ({ metrics }) => {
      await metrics.write([sample(noon + 10_000, { cpu: 1, 'disk0.latency': 0.25 })])
      await metrics.write([sample(noon + 20_000, { cpu: 0 }), sample(noon + 40_000, { cpu: 2 })])
      const span = {
        subject: web,
        fromMs: noon,
        toMs: noon + 60_000,
        stepMs: 10_000,
        names: null,
        nowMs: noon + 40_000,
      }
      const { stepMs, times, series } = await metrics.read(span)
      assert.deepEqual([stepMs, times], [10_000, [noon, noon + 10_000, noon + 30_000]])
      assert.deepEqual(series['cpu']?.mean, [1, 0, 2])
      assert.deepEqual(series['disk0.latency']?.mean, [0.25, null, null])
      const one = await metrics.read({
        ...span,
        names: ['cpu', 'nothing'],
        fromMs: noon + 10_000,
        toMs: noon + 30_000,
      })
      assert.deepEqual([one.times, Object.keys(one.series)], [[noon + 10_000], ['cpu']])
    },
  )

  promise('longer slots hold the weighted mean, the least and the most', async ({ metrics }) => {
    await metrics.write([
      sample(noon + 10_000, { cpu: 1 }),
      sample(noon + 15_000, { cpu: 4 }, { overMs: 5_000 }),
      sample(noon + 60_000, { cpu: 0 }, { overMs: 45_000 }),
      sample(noon + 60_001, { cpu: 9 }),
    ])
    const span = { ...all(noon + 60_001), fromMs: noon, subject: web, stepMs: 60_000 }
    const { times, series } = await metrics.read(span)
    assert.deepEqual(times, [noon, noon + 60_000])
    near(series['cpu']?.mean[0], (10 + 4 * 5) / 60)
    assert.deepEqual([series['cpu']?.least[0], series['cpu']?.most[0]], [0, 4])
    const longer = await metrics.read({ ...span, stepMs: 120_000 })
    assert.deepEqual([longer.stepMs, longer.times, longer.series['cpu']?.most], [120_000, [noon], [9]])
  })

  promise('a sample that comes twice counts once', async ({ metrics }) => {
    const [one, two] = [sample(noon + 10_000, { cpu: 1 }), sample(noon + 12_000, { cpu: 3 })]
    await metrics.write([one, one, two])
    await metrics.write([two, one])
    await metrics.write(run(noon + 60_000, 20, () => 5))
    await metrics.write([one, two, one])
    await metrics.write(run(noon + hour, 20, () => 5))
    const { series } = await metrics.read({ ...all(noon + hour), fromMs: noon, subject: web, stepMs: 60_000 })
    near(series['cpu']?.mean[0], 2)
  })

  promise('a machine and a host of one id, and two machines, are not mixed up', async ({ metrics }) => {
    const host: Subject = { kind: 'host', id: 'web' }
    const other: Subject = { kind: 'machine', id: 'other' }
    for (const [n, subject] of [web, host, other].entries())
      await metrics.write([sample(noon + 10_000, { cpu: n + 1 }, { subject })])
    for (const [n, subject] of [web, host, other].entries()) {
      const { series } = await metrics.read({ ...all(noon + 10_000), fromMs: noon, subject, stepMs: 10_000 })
      assert.deepEqual(series['cpu']?.mean, [n + 1])
    }
    assert.equal((await metrics.size()).subjects, 3)
  })
}

function keeping(promise: Promised) {
  promise(
    'every tier tells the same sum, before and after tending, in whatever order samples came',
    async (under) => {
      let { metrics } = under
      const random = randomFrom(7)
      const samples = run(noon, 3 * 360, () => wholeFrom(random, 1000) / 64)
      const wanted = samples.reduce((sum, { figures }) => sum + (figures['cpu'] ?? 0) * 10_000, 0)
      const nowMs = noon + 3 * hour
      const mixed = samples.toSorted(() => oneOf(random, [-1, 1]))
      for (let at = 0; at < mixed.length; at += 100) await metrics.write(mixed.slice(at, at + 100))
      const check = async () => {
        for (const { stepMs } of tiers) {
          const history = await metrics.read({ ...all(nowMs), fromMs: noon, subject: web, stepMs })
          assert.equal(history.stepMs, stepMs)
          near(total(history), wanted)
          near(
            Math.max(...(history.series['cpu']?.most ?? []).map(Number)),
            Math.max(...samples.map(({ figures }) => figures['cpu'] ?? 0)),
          )
        }
      }
      await check()
      await tended(metrics, nowMs)
      await check()
      metrics = await under.reopen()
      await check()
      await tended(metrics, nowMs + hour)
      await check()
    },
  )

  promise('each tier keeps its time and no longer', async ({ metrics }) => {
    await metrics.write(run(noon, 360, () => 3))
    const counts = async (nowMs: number) => {
      await tended(metrics, nowMs)
      const found = tiers.map(async ({ stepMs }) => {
        const span = {
          subject: web,
          fromMs: noon,
          toMs: noon + hour,
          stepMs,
          names: null,
          nowMs: noon + hour,
        }
        return (await metrics.read(span)).times.length
      })
      return Promise.all(found)
    }
    assert.deepEqual(await counts(noon + 2 * hour), [360, 60, 6, 1])
    assert.deepEqual(await counts(noon + 3 * day), [0, 60, 6, 1])
    assert.deepEqual(await counts(noon + 10 * day), [0, 0, 6, 1])
    assert.deepEqual(await counts(noon + 100 * day), [0, 0, 0, 1])
    assert.deepEqual(await counts(noon + 800 * day), [0, 0, 0, 0])
  })

  promise('of a time that is only kept coarsely, the finest that is kept answers', async ({ metrics }) => {
    await metrics.write(run(noon, 360, () => 3))
    const read = async (nowMs: number) =>
      (
        await metrics.read({
          subject: web,
          fromMs: noon,
          toMs: noon + hour,
          stepMs: 10_000,
          names: null,
          nowMs,
        })
      ).stepMs
    assert.equal(await read(noon + hour), 10_000)
    assert.equal(await read(noon + 2 * day), 60_000)
    assert.equal(await read(noon + 30 * day), 600_000)
    assert.equal(await read(noon + 300 * day), 3_600_000)
  })

  promise('nothing is dropped for its age while age cannot be judged (I-40)', async ({ metrics }) => {
    await metrics.write(run(noon, 360, () => 3))
    await tended(metrics, noon + 5_000 * day, [], false)
    const history = await metrics.read({ ...all(noon + hour), fromMs: noon, subject: web, stepMs: 10_000 })
    assert.equal(history.times.length, 360)
  })

  promise(
    'a clock that was ahead and came back costs nothing that was kept before (I-40)',
    async ({ metrics }) => {
      await metrics.write(run(noon, 360, () => 3))
      await metrics.write(run(noon + 400 * day, 12, () => 8))
      await tended(metrics, noon + 400 * day, [web], false)
      await metrics.write(run(noon + hour, 360, () => 4))
      await tended(metrics, noon + 3 * hour, [web], false)
      const history = await metrics.read({
        ...all(noon + 3 * hour),
        fromMs: noon,
        toMs: noon + 3 * hour,
        subject: web,
        stepMs: hour,
      })
      assert.deepEqual(history.times, [noon, noon + hour])
      assert.deepEqual(history.series['cpu']?.mean, [3, 4])
    },
  )

  promise('of what is gone all is dropped after a while, of what is there nothing', async ({ metrics }) => {
    const gone: Subject = { kind: 'machine', id: 'gone' }
    await metrics.write([...run(noon, 360, () => 1), ...run(noon, 360, () => 2, gone)])
    await tended(metrics, noon + 6 * day)
    assert.equal((await metrics.size()).subjects, 2)
    await tended(metrics, noon + limits.metricsOfGoneMs + 2 * day)
    assert.equal((await metrics.size()).subjects, 1)
    const history = await metrics.read({ ...all(noon + 9 * day), fromMs: noon, subject: web, stepMs: hour })
    near(history.series['cpu']?.mean[0], 1)
  })
}
