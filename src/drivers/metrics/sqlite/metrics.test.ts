import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, openSync, closeSync, rmSync, statSync, writeSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Sample } from '#model/metrics.ts'
import { obeysMetricsContract, tended } from '../contract.ts'
import { openSqliteMetrics } from './metrics.ts'

const place = () => ({ folder: mkdtempSync(join(tmpdir(), 'decant-metrics-')), spareBytes: 0 })

obeysMetricsContract('sqlite', async () => {
  const at = place()
  let metrics = openSqliteMetrics(at)
  return {
    metrics,
    reopen: async () => {
      await metrics.close()
      return (metrics = openSqliteMetrics(at))
    },
    dispose: async () => {
      await metrics.close()
      rmSync(at.folder, { recursive: true })
    },
  }
})

const samples = (fromMs: number, count: number, machines: number): Sample[] =>
  Array.from({ length: count * machines }, (_, n) => ({
    subject: { kind: 'machine', id: `m${n % machines}` },
    atMs: fromMs + (1 + Math.floor(n / machines)) * 10_000,
    overMs: 10_000,
    figures: { cpu: Math.random(), memoryUsed: 1e9 * Math.random(), 'disk0.readBytes': 1e6 * Math.random() },
  }))

const span = (id: string, fromMs: number) => ({
  subject: { kind: 'machine' as const, id },
  fromMs,
  toMs: fromMs + 3_600_000,
  stepMs: 10_000,
  names: null,
  nowMs: fromMs + 3_600_000,
})

test('figures have a file for their owner only, and a second program does not get at it', async () => {
  const at = place()
  const metrics = openSqliteMetrics(at)
  await metrics.write(samples(0, 1, 1))
  assert.equal(statSync(join(at.folder, 'metrics.db')).mode & 0o777, 0o600)
  const second = openSqliteMetrics(at)
  await assert.rejects(second.write(samples(0, 1, 1)), { code: 'store/locked' })
  await second.close()
  await metrics.close()
  rmSync(at.folder, { recursive: true })
})

test('a damaged file is set aside and a new one begun', async () => {
  const at = place()
  let metrics = openSqliteMetrics(at)
  for (let minute = 0; minute < 60; minute++) await metrics.write(samples(minute * 60_000, 6, 20))
  await metrics.close()
  const file = openSync(join(at.folder, 'metrics.db'), 'r+')
  for (let page = 1; page < 40; page++) writeSync(file, Buffer.alloc(512, 0xa5), 0, 512, page * 4096)
  closeSync(file)
  metrics = openSqliteMetrics(at)
  await metrics.write(samples(7_200_000, 12, 20))
  await metrics.read(span('m1', 0))
  await tended(metrics, 14_400_000, [])
  assert.notEqual((await metrics.size()).setAside, '')
  assert.ok(existsSync(join(at.folder, 'metrics.db.damaged')))
  await metrics.write(samples(14_400_000, 6, 20))
  assert.equal((await metrics.read(span('m1', 14_400_000))).times.length, 6)
  await metrics.close()
  rmSync(at.folder, { recursive: true })
})

test('a file of something else is set aside, not written to', async () => {
  const at = place()
  const file = openSync(join(at.folder, 'metrics.db'), 'wx')
  writeSync(file, 'these are not figures, and they are longer than a header of SQLite would be: '.repeat(20))
  closeSync(file)
  const metrics = openSqliteMetrics(at)
  await metrics.write(samples(0, 6, 1))
  assert.ok(existsSync(join(at.folder, 'metrics.db.damaged')))
  await metrics.close()
  rmSync(at.folder, { recursive: true })
})

test('beyond the bound the oldest of the finest go first (I-48)', async () => {
  const at = { ...place(), bytesAtMost: 300_000 }
  const metrics = openSqliteMetrics(at)
  const hours = 12
  for (let minute = 0; minute < 60 * hours; minute++) {
    await metrics.write(samples(minute * 60_000, 6, 10))
    if (minute % 60 === 59) await tended(metrics, minute * 60_000, [], false)
  }
  await tended(metrics, (hours + 2) * 3_600_000, [], false)
  const { bytes } = await metrics.size()
  assert.ok(bytes <= 300_000, `${bytes} bytes`)
  assert.equal((await metrics.read(span('m1', 0))).times.length, 0)
  const hourly = { ...span('m1', 0), toMs: hours * 3_600_000, stepMs: 3_600_000 }
  assert.equal((await metrics.read(hourly)).times.length, hours)
  await metrics.close()
  rmSync(at.folder, { recursive: true })
})

test('where the disk has little room it is left to others, and nothing is said of before', async () => {
  const at = { ...place(), spareBytes: 2 ** 60 }
  const metrics = openSqliteMetrics(at)
  await assert.rejects(metrics.write(samples(0, 6, 1)), { code: 'store/full' })
  await metrics.close()
  rmSync(at.folder, { recursive: true })
})

test('a crash costs the last minutes at most, and packing begun before goes on (I-20)', async () => {
  const at = place()
  const metrics = openSqliteMetrics(at)
  for (let minute = 0; minute < 130; minute++) await metrics.write(samples(minute * 60_000, 6, 60))
  // One part of the packing of the first hour: some machines are packed, others are not.
  await metrics.tend({ nowMs: 130 * 60_000, isKnown: [], mayForget: false })
  const crashed = { ...place() }
  cpSync(at.folder, crashed.folder, { recursive: true })
  rmSync(join(crashed.folder, 'metrics.lock'))
  await metrics.close()
  const again = openSqliteMetrics(crashed)
  const counts = async () => {
    const reads = Array.from({ length: 60 }, (_, n) =>
      again.read({ ...span(`m${n}`, 0), toMs: 130 * 60_000 }),
    )
    return (await Promise.all(reads)).map(({ times }) => times.length)
  }
  const before = await counts()
  assert.ok(
    before.every((count) => count >= 128 * 6),
    before.join(),
  )
  await tended(again, 130 * 60_000, [], false)
  assert.deepEqual(await counts(), before)
  await again.close()
  for (const { folder } of [at, crashed]) rmSync(folder, { recursive: true })
})
