/**
 * The host's side of the fake hypervisor: guests as plain records that outlive any driver object, and what
 * may happen to them behind the agent's back. Thousands fit in memory: a guest is one small record.
 */

import type { Clock } from '#drivers/clock/port.ts'
import type { GuestInside } from '#kinds/guest/schema.ts'
import type { Body, Sight } from '../port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Mood } from './agent.ts'
import type { FakeChannel } from './channel.ts'
import { FakeContents, fakeShape, fitOf, runningOf, type FakeShape } from './shape.ts'

export type Timing = {
  /** From spawn until its CPUs run. */ readonly spawnMs: number
  /** From running until the guest prints its word. */ readonly bootMs: number
  /** From the power button until shutdown. */ readonly powerdownMs: number
  /** From a change in the world until a driver calls back. */ readonly noticeMs: number
  /** Until a guest lets go of a part. */ readonly detachMs: number
  /** How long a guest stands still for an overlay, and while its memory is written. */
  readonly overlayMs: number
  readonly memoryMs: number
  /** How long a merge or a mirror takes. */ readonly jobMs: number
}

export const usualTiming: Timing = {
  spawnMs: 200,
  bootMs: 3000,
  powerdownMs: 2000,
  noticeMs: 50,
  detachMs: 100,
  overlayMs: 15,
  memoryMs: 600,
  jobMs: 2000,
}

export type FakeGuest = {
  process: Sight['process']
  pid: number | null
  startedAtMs: number | null
  wordSeenAtMs: number | null
  isIoStopped: boolean
  isWatchdogStopped: boolean
  detail: string
  body: Body
  /** What it consists of by now. */
  shape: FakeShape
  /** Parts that it was asked to let go of. */
  leaving: Set<string>
  /** Files inside it, by path. */
  files: Map<string, Uint8Array>
  frozenAtMs: number | null
  /** What it has in mind: goes into a snapshot's memory and comes back from there. */
  memory: string
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
  /** How long a guest clings to a part, by `guest/part`. */
  readonly clings = new Map<string, number | 'ever'>()
  /** Guests that give no memory back. */
  readonly hoarders = new Set<string>()
  /** How the agent inside behaves, and what it says of cloud-init. */
  readonly moods = new Map<string, Mood>()
  readonly cloudInit = new Map<string, GuestInside['cloudInit']>()
  /** Disks and NICs that a guest can have beside those that it was begun with. */
  spareSlots = 8
  /** Sizes of files in bytes; the others are one gibibyte. */
  readonly sizes = new Map<string, number>()
  readonly contents = new FakeContents()
  /** Memory of guests by the file that keeps it. */
  readonly memories = new Map<string, string>()
  /** What each of them fits into. */
  readonly fits = new Map<string, string>()
  /** Told of each file that a running guest's disk grew in. */
  onGrown: (file: string, sizeBytes: number) => void = () => undefined
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
      isWatchdogStopped: false,
      detail: '',
      body,
      shape: fakeShape(body, this.sizes),
      leaving: new Set(),
      files: before?.files ?? new Map(),
      frozenAtMs: null,
      memory: this.#remembered(body),
      owner,
      log: before?.log ?? '',
      channels: before?.channels ?? new Set(),
    }
    this.guests.set(id, guest)
    return guest
  }

  /** The guest, if its CPUs can run. */
  live(id: string): FakeGuest {
    const guest = this.guests.get(id)
    if (guest === undefined || (guest.process !== 'running' && guest.process !== 'paused'))
      throw new Problem('guest/absent', { machine: id })
    return guest
  }

  grew(file: string, sizeBytes: number) {
    this.sizes.set(file, sizeBytes)
    this.onGrown(file, sizeBytes)
  }

  /** A guest writes to its disk, and reads from it. */
  write(id: string, disk: string, place: string, word: string) {
    const [top] = this.#chain(id, disk)
    if (top !== undefined) this.contents.write(top.file, place, word)
  }

  read(id: string, disk: string, place: string): string | undefined {
    return this.contents.read(this.#chain(id, disk), place)
  }

  #chain(id: string, disk: string) {
    return this.live(id).shape.disks.find((one) => one.id === disk)?.chain ?? []
  }

  #remembered(body: Body): string {
    const { memoryFile } = body
    if (memoryFile === null) return ''
    const memory = this.memories.get(memoryFile)
    if (memory === undefined) throw new Problem('guest/spawn', { why: 'its memory is not there' })
    const fit = this.fits.get(memoryFile)
    const now = fitOf(runningOf(body, fakeShape(body, new Map())))
    if (fit !== undefined && fit !== now)
      throw new Problem('guest/spawn', { why: `its memory fits ${fit}, not ${now}` })
    return memory
  }

  /** Its CPUs run from now on; the word follows after the time that a boot takes. */
  run(id: string) {
    const guest = this.guests.get(id)
    if (guest?.process !== 'starting') return
    this.turn(id, 'running')
    // What goes on from its memory has said its word long ago.
    if (guest.body.memoryFile !== null) return
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

  /** Its watchdog has bitten and holds it still. */
  bite(id: string) {
    const guest = this.guests.get(id)
    if (guest?.process !== 'running') return
    guest.isWatchdogStopped = true
    this.turn(id, 'paused')
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
