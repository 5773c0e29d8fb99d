/** What every gauge promises, as tests. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Gauge } from './port.ts'

/** `pass` lets a moment go by in which the host did something. */
export function obeysGaugeContract(name: string, make: () => { gauge: Gauge; pass: () => Promise<void> }) {
  describe(`the ${name} gauge`, () => {
    test('counters count up within a boot, levels are within their bounds', async () => {
      const { gauge, pass } = make()
      const before = await gauge.read()
      await pass()
      const after = await gauge.read()
      assert.equal(after.boot, before.boot)
      assert.ok(after.cpu.allSeconds > before.cpu.allSeconds)
      assert.ok(after.cpu.busySeconds >= before.cpu.busySeconds)
      for (const part of ['busySeconds', 'stealSeconds', 'ioWaitSeconds'] as const)
        assert.ok(after.cpu[part] >= 0 && after.cpu[part] <= after.cpu.allSeconds, part)
      assert.ok(after.memoryBytes > 0 && after.memoryAvailableBytes <= after.memoryBytes)
      assert.ok(after.load >= 0 && after.swapUsedBytes >= 0)
      for (const [store, reading] of Object.entries(after.stores))
        assert.ok(reading.readBytes >= (before.stores[store]?.readBytes ?? 0), store)
      for (const [nic, reading] of Object.entries(after.nics))
        assert.ok(reading.sentBytes >= (before.nics[nic]?.sentBytes ?? 0), nic)
    })

    test('nothing in it is anything but a number that can be sent', async () => {
      const { gauge } = make()
      const reading = await gauge.read()
      assert.deepEqual(JSON.parse(JSON.stringify(reading)), reading)
    })
  })
}
