import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { obeysGaugeContract } from '../contract.ts'
import { deviceCounters, swapBytes } from './counters.ts'
import { procGauge } from './gauge.ts'

obeysGaugeContract('procfs', () => ({
  gauge: procGauge({ stores: { local: tmpdir(), gone: '/no/such/folder' } }),
  pass: () => sleep(50),
}))

const diskstats = `   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 100 5 8000 250 200 7 16000 1500 3 900 1750 0 0 0 0 9 40
 259  300000 nvme9n1p1 1 0 8 2 3 0 16 4 0 5 6`

test('the device of a file system is found by its number, also by a large one', () => {
  const vda = deviceCounters(diskstats, 254 << 8)
  assert.deepEqual(
    [vda?.readOps, vda?.readBytes, vda?.writeOps, vda?.writeBytes, vda?.flushOps],
    [100, 8000 * 512, 200, 16_000 * 512, 9],
  )
  assert.deepEqual([vda?.requestSeconds, vda?.busySeconds], [1.75, 0.9])
  const large = Number((259n << 8n) | (300_000n & 0xffn) | ((300_000n & 0xfff00n) << 12n))
  assert.equal(deviceCounters(diskstats, large)?.writeOps, 3)
  assert.equal(deviceCounters(diskstats, 0x2a), undefined)
})

test('what a kernel does not count is not known, rather than none', () => {
  assert.equal(swapBytes('nr_free 3\npswpin 2\n', 'pswpin'), 8192)
  assert.equal(swapBytes('nr_free 3\n', 'pswpout'), null)
})
