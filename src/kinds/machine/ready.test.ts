/** When whoever waits for a machine need wait no more. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasons, type ReasonCode } from '#model/catalogue/reasons.ts'
import { isUnderWay, waitsForPerson, waitsForStart } from '#model/catalogue/waits.ts'
import { reason } from '#model/plan.ts'
import { machine, MachineSpec, MachineStatus, type MachineDocument } from './schema.ts'

const told = (
  status: Partial<MachineStatus>,
  spec: Partial<MachineSpec> = {},
  generation = 2,
): MachineDocument => ({
  kind: 'machine',
  id: 'm',
  name: 'web',
  project: 'p',
  generation,
  version: 2,
  createdAtMs: 1,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: 'h',
  spec: { ...MachineSpec.parse({}), ...spec },
  status: { ...MachineStatus.parse({ state: 'running', reached: 2 }), ...status },
})

test('a machine is ready once all of this very wish has come true, or waits for a start or a person', () => {
  assert.ok(machine.isReady(told({})))
  assert.ok(!machine.isReady(told({ reached: 1 })), 'what is told is of an older wish')
  assert.ok(!machine.isReady(told({ state: 'starting' })))
  const held = (code: ReasonCode) => machine.isReady(told({ holds: [reason(code)] }))
  for (const code of ['guest/memory-held', 'guest/clings', 'machine/parts-leaving'] as const)
    assert.ok(!held(code), code)
  for (const code of ['machine/restart-required', 'guest/paused-changes', 'datastore/filling'] as const)
    assert.ok(held(code), code)
})

test('waiting is in vain once only a person can go on, but not by what was said of an older wish', () => {
  const status = { state: 'stopped' as const, holds: [reason('guest/powered-itself-off')] }
  assert.equal(machine.hasFailed?.(told(status))?.code, 'guest/powered-itself-off')
  assert.equal(machine.hasFailed?.(told({ ...status, reached: 1 })), undefined)
  assert.equal(machine.hasFailed?.(told(status, { power: 'off' })), undefined)
})

test('a reason waits for one thing at most', () => {
  for (const code of Object.keys(reasons) as ReasonCode[]) {
    const marks = [isUnderWay, waitsForPerson, waitsForStart].filter((is) => is({ code }))
    assert.ok(marks.length <= 1, code)
  }
})
