/**
 * The host's side of the fake hypervisor: guests as plain records that outlive any driver object, and what
 * may happen to them behind the agent's back. Thousands fit in memory: a guest is one small record.
 */

import type { Clock } from '#drivers/clock/port.ts'
import type { Body, Sight } from '../port.ts'
import { limits } from '#model/limits.ts'
import type { FakeChannel } from './channel.ts'

export type Timing = {
  /** From spawn until its CPUs run. */ readonly spawnMs: number
  /** From running until the guest prints its word. */ readonly bootMs: number
  /** From the power button until shutdown. */ readonly powerdownMs: number
  /** From a change in the world until a driver calls back. */ readonly noticeMs: number
}

export const usualTiming: Timing = { spawnMs: 200, bootMs: 3000, powerdownMs: 2000, noticeMs: 50 }

export type FakeGuest = {
  process: Sight['process']
  pid: number | null
  startedAtMs: number | null
  wordSeenAtMs: number | null
  isIoStopped: boolean
  detail: string
  body: Body
  /** The driver object that started it. */
  owner: symbol
  log: string
  channels: Set<FakeChannel>
}

/** One host. Everything here survives a restart of the agent; `reboot` is a restart of the host. */
export class FakeWorld {
  readonly guests = new Map<string, FakeGuest>()
  readonly #listeners = new Set<(id: string) => void>()
  readonly clock: Clock
  readonly timing: Timing
  /** Guests that do not answer their power button. */
  readonly deaf = new Set<string>()
  #lastPid = 1000

  constructor(clock: Clock, timing: Partial<Timing> = {}) {
    this.clock = clock
    this.timing = { ...usualTiming, ...timing }
  }

  listen(call: (id: string) => void): () => void {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  /** A new process for a guest; the record is created when there is none. */
  start(id: string, body: Body, owner: symbol): FakeGuest {
    const before = this.guests.get(id)
    const guest: FakeGuest = {
      process: 'starting',
      pid: (this.#lastPid += 1),
      startedAtMs: this.clock.now(),
      wordSeenAtMs: null,
      isIoStopped: false,
      detail: '',
      body,
      owner,
      log: before?.log ?? '',
      channels: before?.channels ?? new Set(),
    }
    this.guests.set(id, guest)
    return guest
  }

  /** Its CPUs run from now on; the word follows after the time that a boot takes. */
  run(id: string) {
    const guest = this.guests.get(id)
    if (guest?.process !== 'starting') return
    this.turn(id, 'running')
    const pid = guest.pid
    this.clock.after(this.timing.bootMs, () => {
      if (guest.pid !== pid || guest.process !== 'running') return
      guest.wordSeenAtMs = this.clock.now()
      this.print(guest, `decant-proof: ${guest.body.word}\r\n`)
      this.#tell(id)
    })
  }

  turn(id: string, process: Sight['process']) {
    const guest = this.guests.get(id)
    if (guest === undefined || guest.process === process) return
    guest.process = process
    this.#tell(id)
  }

  /** The process is gone, as by kill -9 from outside. */
  crash(id: string, detail = '') {
    const guest = this.guests.get(id)
    if (guest === undefined || guest.pid === null) return
    guest.detail = detail
    this.endChannels(guest)
    this.turn(id, 'lost')
  }

  panic(id: string) {
    if (this.#isLive(id)) this.turn(id, 'panicked')
  }

  powerOff(id: string) {
    if (this.#isLive(id)) this.turn(id, 'shutdown')
  }

  /** Another process now has its pid: nothing may touch it (I-23). */
  estrange(id: string) {
    if (this.guests.get(id)?.pid !== null) this.turn(id, 'strange')
  }

  /** The host restarts: every process is gone, run folders stay. */
  reboot() {
    for (const id of this.guests.keys()) this.crash(id, 'the host restarted')
  }

  print(guest: FakeGuest, text: string) {
    guest.log = (guest.log + text).slice(-limits.serialKeepBytes)
    for (const channel of guest.channels) channel.push(Buffer.from(text, 'latin1'))
  }

  endChannels(guest: FakeGuest) {
    for (const channel of guest.channels) channel.finish()
    guest.channels.clear()
  }

  #isLive(id: string) {
    const process = this.guests.get(id)?.process
    return process === 'running' || process === 'paused'
  }

  #tell(id: string) {
    if (this.#listeners.size === 0) return
    this.clock.after(this.timing.noticeMs, () => {
      for (const call of this.#listeners) call(id)
    })
  }
}
