/** Machine planner by cases, with the foresight of rehearsals as a world that obeys. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#model/limits.ts'
import {
  candidate,
  disk,
  embodied,
  followed,
  fresh,
  image,
  own,
  placed,
  running,
  standing,
  volume,
  wish,
} from '../../../test/kinds/machine-world.ts'
import type { MachineObserved } from './observed.ts'
import { Nic } from './parts.ts'
import { planMachine } from './plan.ts'
import type { MachineSpec } from './schema.ts'

const names = (of: MachineSpec, seen: MachineObserved) => planMachine(of, seen).steps.map((step) => step.do)
const codes = (of: MachineSpec, seen: MachineObserved) => planMachine(of, seen).holds.map(({ code }) => code)
const guestToldBy = (of: MachineSpec, seen: MachineObserved) =>
  planMachine(of, seen).steps.flatMap((step) =>
    step.do === 'create-guest' || step.do === 'update-guest' ? [step] : [],
  )[0]

test('a new machine is placed, gets its disk, then its body if it should run, and then is left alone', () => {
  const { done, now } = followed(wish, fresh)
  deepEqual(done, ['place', 'create-volume', 'create-guest'])
  deepEqual([now.machine.host, now.guest?.spec.power, now.guest?.spec.epoch], ['a', 'on', 1])
  deepEqual(planMachine(wish, now), { steps: [], holds: [] })
  deepEqual(followed({ ...wish, power: 'off' }, fresh).done, ['place', 'create-volume'])
})

test('without an image that is ready nothing is placed and no disk is made', () => {
  for (const state of ['building', 'failed'] as const) {
    const absent = { ...image, status: { ...image.status, state } }
    const code = state === 'failed' ? 'machine/image-failed' : 'machine/no-image'
    for (const seen of [fresh, placed]) {
      deepEqual(codes(wish, { ...seen, image: absent }), [code])
      deepEqual(names(wish, { ...seen, image: absent }), [])
    }
  }
  deepEqual(codes(wish, { ...fresh, image: null }), ['machine/no-image'])
  deepEqual(names({ ...wish, image: null }, { ...fresh, image: null }), ['place'])
})

test('without a host it waits, looks again, and names the first three that refused and how many more did', () => {
  deepEqual(codes(wish, { ...fresh, candidates: [] }), ['machine/no-hosts'])
  const full = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...candidate(name), freeMib: 0 }))
  const plan = planMachine(wish, { ...fresh, candidates: full })
  deepEqual(plan.holds[0], { code: 'machine/no-host', facts: { rejected: 'a, b, c +2' } })
  deepEqual(
    plan.holds.slice(1).map(({ code }) => code),
    Array(3).fill('placement/memory'),
  )
  ok((plan.againMs ?? 0) > 0)
})

test('a host is chosen with room for the guest and for what QEMU itself takes', () => {
  const needed = wish.memoryMib + limits.guestOverheadMib
  const tight = { ...candidate('a'), freeMib: needed }
  deepEqual(names(wish, { ...fresh, candidates: [tight] }), ['place'])
  deepEqual(names(wish, { ...fresh, candidates: [{ ...tight, freeMib: needed - 1 }] }), [])
})

test('a wish beyond the room of its host goes on with what it was given, and says so (I-26)', () => {
  const large = { ...wish, memoryMib: 65_536, power: 'paused' as const }
  const told = guestToldBy(large, running)
  deepEqual([told?.spec.memoryMib, told?.spec.power], [wish.memoryMib, 'paused'])
  deepEqual(codes(large, running), ['machine/no-room'])
  deepEqual(names(large, { ...running, room: { cpus: 4, memoryMib: 65_536 } }), ['allocate'])
})

test('a body keeps what it runs with until it is started anew, and people are told', () => {
  const less = { ...wish, memoryMib: 128 }
  const { now } = followed(less, running)
  equal(now.allocated?.memoryMib, wish.memoryMib + limits.guestOverheadMib)
  deepEqual(codes(less, now), ['machine/restart-required'])
  equal(followed({ ...less, boot: 2 }, running).now.allocated?.memoryMib, 128 + limits.guestOverheadMib)
})

test('its disk grows as soon as that is wished, once', () => {
  const { done, now } = followed(
    { ...wish, diskMib: 2048 },
    { ...running, bootVolume: own('disk0', 'ready', 1024) },
  )
  // The body is told the wish as it stands, for a store that may be lost (I-22).
  deepEqual(done, ['grow-volume', 'update-guest'])
  equal(now.bootVolume?.spec.sizeMib, 2048)
})

test('a body waits for each of its disks', () => {
  const two = { ...wish, disks: [disk({ name: 'data', volume: 'data' })] }
  for (const disk of [null, volume('data', 'creating')]) {
    const plan = planMachine(two, { ...standing, disks: [disk] })
    deepEqual(plan, { steps: [], holds: [{ code: 'machine/volume-not-ready', facts: { volume: 'data' } }] })
  }
  deepEqual(names(two, { ...standing, disks: [volume('data')] }), ['create-guest'])
})

test('a body takes the claims of its disks and ports with it, and gives back only what it let go (I-01, I-27)', () => {
  const forward = { protocol: 'tcp' as const, address: '127.0.0.1', hostPort: 8080, guestPort: 80 }
  const open = { ...wish, nics: [Nic.parse({ forwards: [forward] })] }
  const disk = 'attach/id-of-web-boot'
  deepEqual(guestToldBy(open, standing)?.claims, [disk, 'port/a/tcp/127.0.0.1/8080'])
  const down = embodied(standing, { ...open, power: 'off' }, { phase: 'stopped', pid: null })
  const told = guestToldBy(wish, down)
  deepEqual(told, {
    do: 'update-guest',
    spec: told?.spec,
    claims: [disk],
    releases: ['port/a/tcp/127.0.0.1/8080'],
  })
})

test('a silent host is told of, and nothing more is concluded from it (I-25)', () => {
  const plan = planMachine(wish, { ...running, hostSilentSince: 'noon' })
  deepEqual(plan, {
    steps: [],
    holds: [{ code: 'machine/host-silent', facts: { host: 'a', since: 'noon' } }],
  })
})
