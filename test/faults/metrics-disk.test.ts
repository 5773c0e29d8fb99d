/** A full disk under the figures: they are lost and that is said, the store beside them goes on (I-15). */

import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Sample } from '../../src/model/metrics.ts'
import { Problem } from '../../src/model/problem.ts'
import type { Metrics } from '../../src/drivers/metrics/port.ts'
import { openSqliteMetrics } from '../../src/drivers/metrics/sqlite/metrics.ts'
import { openSqliteStore } from '../../src/drivers/store/sqlite/store.ts'
import { openLab } from './store-lab.ts'

const minute = (n: number): Sample[] =>
  Array.from({ length: 6 * 50 }, (_, at) => ({
    subject: { kind: 'machine', id: `m${at % 50}` },
    atMs: n * 60_000 + (1 + Math.floor(at / 50)) * 10_000,
    overMs: 10_000,
    figures: Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`disk${n}.readBytes`, Math.random() * 1e9]),
    ),
  }))

/** Writes minute after minute until one is refused; says which. */
async function untilRefused(metrics: Metrics, from: number): Promise<{ last: number; problem: unknown }> {
  for (let n = from; ; n++) {
    const problem = await metrics.write(minute(n)).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (problem !== undefined) return { last: n - 1, problem }
    assert.ok(n < from + 2_000, 'the disk never fills')
  }
}

const known = (metrics: Metrics, n: number) =>
  metrics.read({
    subject: { kind: 'machine', id: 'm1' },
    fromMs: n * 60_000,
    toMs: (n + 1) * 60_000,
    stepMs: 10_000,
    names: null,
    nowMs: (n + 1) * 60_000,
  })

for (const [what, spareBytes] of [
  ['figures leave the room that is the store’s', 5 * 2 ** 20],
  ['figures fill the disk to its last byte', 0],
] as const)
  test(`${what}: they are lost, read on, and kept again when there is room`, async (t) => {
    const lab = openLab()
    if (lab === undefined) return t.diagnostic('needs root and mounts: not run')
    const folder = join(lab.folder, 'small')
    lab.mountTmpfs(folder, '24m')
    writeFileSync(join(folder, 'filler'), Buffer.alloc(16 * 2 ** 20))
    const store = await openSqliteStore({ folder })
    const metrics = openSqliteMetrics({ folder, spareBytes })
    try {
      const { last, problem } = await untilRefused(metrics, 0)
      assert.ok(problem instanceof Problem && problem.code === 'store/full', String(problem))
      assert.equal((await known(metrics, Math.max(0, last - 5))).times.length, 6, 'what was kept can be read')
      if (spareBytes > 0) {
        for (let n = 0; n < 50; n++)
          await store.commit([{ op: 'put', kind: 'n', id: `${n}`, value: 'x'.repeat(20_000) }])
        assert.equal(store.health().state, 'ok')
      }
      rmSync(join(folder, 'filler'))
      // Packing and dropping what is old give room back within the file.
      for (let n = 0; n < 500; n++)
        if ((await metrics.tend({ nowMs: 400 * 86_400_000, isKnown: [], mayForget: true })).isDone) break
      const again = last + 100
      let kept = false
      for (let n = 0; n < 5 && !kept; n++)
        kept = await metrics.write(minute(again + n)).then(
          () => true,
          () => false,
        )
      assert.ok(kept, 'it goes on by itself')
      assert.equal((await metrics.size()).setAside, '', 'a full disk is no damage')
    } finally {
      await metrics.close().catch(() => undefined)
      await store.close()
      lab.close()
    }
  })
