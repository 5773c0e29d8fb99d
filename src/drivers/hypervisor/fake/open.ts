/**
 * The fake hypervisor: obeys the contract in memory, in the time of the clock it is given. Deterministic;
 * faults are thrown by a function that is asked before and after each effect.
 */

import { Problem } from '#model/problem.ts'
import type { Accelerator, Body, Hypervisor, Sight } from '../port.ts'
import { FakeAgent } from './agent.ts'
import { FakeChannel } from './channel.ts'
import { effectsOf, type Effects, type Fault } from './effects.ts'
import { FakeLayers } from './layers.ts'
import { FakeParts } from './parts.ts'
import { runningOf } from './shape.ts'
import { fakeUsage } from './usage.ts'
import type { FakeGuest, FakeWorld } from './world.ts'

export type { Act, Fault } from './effects.ts'

const accelerator: Accelerator = {
  name: 'simulated',
  why: 'the whole host is simulated',
  version: 'simulated',
  architecture: 'x86_64',
}

const nothing: Sight = {
  process: 'absent',
  pid: null,
  startedAtMs: null,
  boot: 0,
  epoch: 0,
  running: null,
  forwards: [],
  word: null,
  wordSeenAtMs: null,
  isIoStopped: false,
  isAdopted: false,
  detail: '',
}

export function openFake(world: FakeWorld, fault: Fault = () => undefined): Hypervisor {
  return new Fake(world, fault)
}

class Fake implements Hypervisor {
  readonly name = 'fake'
  readonly parts: FakeParts
  readonly layers: FakeLayers
  readonly agent: FakeAgent
  readonly #world: FakeWorld
  readonly #fault: Fault
  readonly #effect: Effects
  readonly #self = Symbol('driver object')
  readonly #spawning = new Map<string, Promise<void>>()
  readonly #letGo = new Set<() => void>()

  constructor(world: FakeWorld, fault: Fault) {
    this.#world = world
    this.#fault = fault
    this.#effect = effectsOf(fault)
    this.parts = new FakeParts(world, this.#effect)
    this.layers = new FakeLayers(world, this.#effect)
    this.agent = new FakeAgent(world, this.#effect)
  }

  accelerator() {
    return Promise.resolve(accelerator)
  }

  walls() {
    return Promise.resolve([{ name: 'simulated', holds: true, why: 'no process runs' }])
  }

  uidOf() {
    return Promise.resolve(null)
  }

  list() {
    return Promise.resolve([...this.#world.guests.keys()])
  }

  async observe(id: string): Promise<Sight> {
    this.#fault({ do: 'observe', guest: id, moment: 'before' })
    const guest = this.#world.guests.get(id)
    return guest === undefined ? nothing : this.#sightOf(guest)
  }

  onChange(call: (id: string) => void) {
    const stop = this.#world.listen(call)
    this.#letGo.add(stop)
    return stop
  }

  spawn(id: string, body: Body, signal: AbortSignal): Promise<void> {
    const underWay = this.#spawning.get(id)
    if (underWay !== undefined) return underWay
    const work = this.#spawn(id, body, signal).finally(() => this.#spawning.delete(id))
    this.#spawning.set(id, work)
    return work
  }

  async #spawn(id: string, body: Body, signal: AbortSignal) {
    await this.#effect('spawn', id, signal, async () => {
      const before = this.#world.guests.get(id)
      if (before !== undefined) refuseStale(before.body, body)
      if (before?.process === 'strange') throw new Problem('guest/not-ours', { pid: before.pid ?? 0 })
      const stands = before !== undefined && before.process !== 'absent' && before.process !== 'lost'
      if (stands && !isSameStart(before, body))
        throw new Problem('object/refused', { why: 'Its last process still stands.' })
      if (stands && before.process !== 'starting') return
      if (!stands) this.#world.start(id, body, this.#self)
      await this.#world.clock.sleep(this.#world.timing.spawnMs, signal)
      this.#world.run(id)
    })
  }

  powerdown(id: string, signal: AbortSignal) {
    return this.#effect('powerdown', id, signal, () => {
      const guest = this.#ended(id) ?? this.#world.live(id)
      if (guest.process !== 'running' || this.#world.deaf.has(id)) return
      const { pid } = guest
      this.#world.clock.after(this.#world.timing.powerdownMs, () => {
        if (guest.pid === pid && guest.process === 'running') this.#world.powerOff(id)
      })
    })
  }

  pause(id: string, signal: AbortSignal) {
    return this.#effect('pause', id, signal, () => {
      this.#world.live(id)
      this.#world.turn(id, 'paused')
    })
  }

  resume(id: string, signal: AbortSignal) {
    return this.#effect('resume', id, signal, () => {
      this.#world.live(id).isWatchdogStopped = false
      this.#world.turn(id, 'running')
    })
  }

  kill(id: string, signal: AbortSignal) {
    return this.#effect('kill', id, signal, () => {
      const guest = this.#world.guests.get(id)
      if (guest === undefined) return
      if (guest.process === 'strange') throw new Problem('guest/not-ours', { pid: guest.pid ?? 0 })
      this.#world.endChannels(guest)
      guest.pid = null
      guest.wordSeenAtMs = null
      guest.isWatchdogStopped = false
      this.#world.turn(id, 'absent')
    })
  }

  remove(id: string, signal: AbortSignal) {
    return this.#effect('remove', id, signal, () => {
      const process = this.#world.guests.get(id)?.process ?? 'absent'
      if (process !== 'absent' && process !== 'lost')
        throw new Problem('object/refused', { why: 'Its process still stands.' })
      this.#world.guests.delete(id)
    })
  }

  async reset(id: string) {
    this.#world.live(id)
  }

  async sendKeys(id: string, keys: readonly string[]) {
    this.#world.print(this.#world.live(id), keys.join(''))
  }

  async screenshot(id: string) {
    this.#world.live(id)
    return onePixel
  }

  async serialLog(id: string) {
    return Buffer.from(this.#world.guests.get(id)?.log ?? '', 'latin1')
  }

  async serial(id: string) {
    const guest = this.#world.live(id)
    const channel = new FakeChannel(
      (bytes) => this.#world.print(guest, Buffer.from(bytes).toString('latin1')),
      (closed) => guest.channels.delete(closed),
    )
    if (guest.log !== '') channel.push(Buffer.from(guest.log, 'latin1'))
    guest.channels.add(channel)
    return channel
  }

  async vnc(id: string) {
    this.#world.live(id)
    const channel = new FakeChannel(
      () => undefined,
      () => undefined,
    )
    channel.push(Buffer.from('RFB 003.008\n'))
    return channel
  }

  async usage(id: string) {
    const guest = this.#world.guests.get(id)
    if (guest === undefined || guest.pid === null || guest.process === 'lost') return null
    return fakeUsage(this.#world, id, guest)
  }

  async close() {
    for (const stop of this.#letGo) stop()
  }

  /** The guest, if it has come to its end and its process still stands. */
  #ended(id: string): FakeGuest | undefined {
    const guest = this.#world.guests.get(id)
    return guest?.process === 'shutdown' || guest?.process === 'panicked' ? guest : undefined
  }

  #sightOf(guest: FakeGuest): Sight {
    const { spec, word } = guest.body
    const stands = guest.process !== 'absent'
    return {
      process: guest.process,
      pid: guest.pid,
      startedAtMs: stands ? guest.startedAtMs : null,
      boot: spec.boot,
      epoch: spec.epoch,
      running: stands ? runningOf(guest.body, guest.shape) : null,
      forwards: stands
        ? guest.shape.nics.flatMap(({ plug }) =>
            plug.forwards.map((forward) => ({ nic: plug.id, ...forward })),
          )
        : [],
      word: stands ? word : null,
      wordSeenAtMs: guest.wordSeenAtMs,
      isIoStopped: guest.isIoStopped,
      isWatchdogStopped: guest.isWatchdogStopped,
      isAdopted: stands && guest.owner !== this.#self,
      detail: guest.detail,
    }
  }
}

const isSameStart = (guest: FakeGuest, body: Body) =>
  guest.body.spec.boot === body.spec.boot &&
  guest.body.spec.epoch === body.spec.epoch &&
  guest.process !== 'shutdown' &&
  guest.process !== 'panicked'

/** An older body or boot must never come back (I-01). */
function refuseStale({ spec: seen }: Body, { spec: given }: Body) {
  if (given.epoch < seen.epoch) throw new Problem('host/stale', { seen: seen.epoch, given: given.epoch })
  if (given.epoch === seen.epoch && given.boot < seen.boot)
    throw new Problem('host/stale', { seen: seen.boot, given: given.boot })
}

const onePixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
