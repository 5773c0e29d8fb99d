/**
 * One guest as this driver object knows it: its record, its connection to QEMU, and what QEMU last said.
 *
 *     record:        none   spawning   started ──────────────────────────────────────────── ended
 *     process:                         same pid and start      gone  
 *     QMP:                             proven      silent  
 *     seen as:       absent starting   (by status) starting¹,  lost                         absent
 *                                                  strange
 *
 *     status:  prelaunch → starting · paused, io-error², watchdog → paused · shutdown → shutdown ·
 *              guest-panicked, internal-error → panicked · all else → running
 *
 * ¹ while it is young. ² with `isIoStopped`: nobody asked for that pause.
 */

import { isDeepStrictEqual } from 'node:util'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Running, Sight } from '../port.ts'
import { boundLog, lastComplaint } from './folder.ts'
import { proveGuest } from './launch.ts'
import { askRunning, startedAs } from './parts/running.ts'
import { hostBootId, isSameProcess } from './process.ts'
import { Qmp, type QmpEvent } from './qmp/client.ts'
import { readRecord, writeRecord, type Record } from './record.ts'
import { SerialLine } from './serial/line.ts'
import { connectIn } from './socket.ts'

/** A process of this age that does not answer yet may still be starting. */
const youthMs = limits.spawnMs
/** How long an adopted process has to prove itself. */
const proofMs = 3000

export class Guest {
  readonly id: string
  readonly folder: string
  record: Record | undefined
  readonly serial = new SerialLine()
  /** Somebody asked for the pause: it is not ended when a store has room again. */
  isHeldStill = false
  /** A start is under way; until it is done nothing else is to be concluded from /proc. */
  isSpawning = false
  #startedHere: string | null = null
  #adopting: Promise<void> | undefined
  #qmp: Qmp | undefined
  #status = ''
  /** What QEMU last said of the guest's parts; null while it was not asked. */
  #running: Running | null = null
  #looking: Promise<void> | undefined
  #isLookDue = false
  readonly #clock: Clock
  readonly #changed: (id: string) => void
  #retry: () => void = () => undefined

  constructor(id: string, folder: string, clock: Clock, changed: (id: string) => void) {
    this.id = id
    this.folder = folder
    this.#clock = clock
    this.#changed = changed
    this.record = readRecord(folder)
  }

  /** Keeps the record in memory and on disk. */
  keep(record: Record) {
    writeRecord(this.folder, record)
    this.record = record
  }

  amend(change: Partial<Record>) {
    if (this.record !== undefined) this.keep({ ...this.record, ...change })
  }

  /** Whether the recorded process lives, as far as /proc can say. */
  get isAlive(): boolean {
    const { pid, startTicks, hostBoot } = this.record ?? { pid: null, startTicks: null, hostBoot: '' }
    return pid !== null && startTicks !== null && hostBoot === hostBootId() && isSameProcess(pid, startTicks)
  }

  get isProven() {
    return this.#qmp?.isOpen === true && this.isAlive
  }

  /** The connection; problem `guest/absent` when there is no proven process. */
  get qmp(): Qmp {
    if (this.#qmp?.isOpen === true && this.record?.phase === 'started') return this.#qmp
    throw new Problem('guest/absent', { machine: this.id })
  }

  /** Whether the process was found rather than started by this driver object. */
  get isAdopted() {
    return this.record?.startTicks !== this.#startedHere
  }

  /** Finds the recorded process again and proves that it is the guest; quiet when it cannot. */
  adopt(): Promise<void> {
    // One at a time: QEMU talks to one client, a second would wait in vain.
    this.#adopting ??= this.#adopt().finally(() => (this.#adopting = undefined))
    return this.#adopting
  }

  async #adopt(): Promise<void> {
    if (!this.isAlive || this.#qmp?.isOpen === true) return
    const socket = await connectIn(this.folder, 'qmp.sock').catch(() => undefined)
    if (socket === undefined) return
    const qmp = new Qmp(socket, this.#clock)
    try {
      await qmp.begin(proofMs)
      await proveGuest(qmp, this.id)
      this.attach(qmp, await connectIn(this.folder, 'serial.sock'))
      await this.refresh()
    } catch {
      qmp.close()
    }
  }

  /** Takes over a proven connection: from now on QEMU's events move what is seen. */
  attach(qmp: Qmp, serial: Parameters<SerialLine['attach']>[0]) {
    this.#qmp = qmp
    this.#status = 'prelaunch'
    this.#running = null
    qmp.onEvent((event) => this.#hear(event))
    void qmp.closed.then(() => this.#lost(qmp))
    this.serial.attach(serial, this.record?.wordSeenAtMs === null ? this.record.word : '', () => {
      this.amend({ wordSeenAtMs: this.#clock.now() })
      this.#changed(this.id)
    })
  }

  /** The process was started by this driver object. */
  markStarted() {
    this.#startedHere = this.record?.startTicks ?? null
    this.isHeldStill = false
  }

  /** Asks QEMU how it stands. */
  async refresh(): Promise<void> {
    if (this.#qmp?.isOpen !== true) return
    const { status } = await this.#qmp.ask('query-status', {})
    this.#turn(String(status))
    await this.look()
  }

  /** Asks QEMU for the guest's parts. However often it is called meanwhile, they are asked for once more after. */
  look(): Promise<void> {
    this.#isLookDue = true
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #look(): Promise<void> {
    while (this.#isLookDue && this.#qmp?.isOpen === true && this.record !== undefined) {
      this.#isLookDue = false
      const running = await askRunning(this.#qmp, this.record)
      if (isDeepStrictEqual(running, this.#running)) continue
      this.#running = running
      this.#changed(this.id)
    }
  }

  /** Looks after what events do not tell; called now and then. */
  async tend(): Promise<void> {
    if (this.record?.phase !== 'started' || this.isSpawning) return
    boundLog(this.folder)
    if (this.#qmp?.isOpen === true) return
    if (this.#adopting === undefined && this.isAlive) await this.adopt()
    else if (this.#status !== 'gone' && !this.isAlive) this.#turn('gone')
  }

  /** Whether its CPUs have never run: whoever started it died before the last step. */
  get isUnfinished() {
    return !this.isSpawning && (this.record?.phase === 'spawning' || this.#status === 'prelaunch')
  }

  /** Lets go without harm. */
  detach() {
    this.#retry()
    const qmp = this.#qmp
    this.#qmp = undefined
    this.serial.detach()
    qmp?.close()
  }

  sight(): Sight {
    const { record } = this
    const process = this.#process()
    const isThere = process !== 'absent'
    return {
      process,
      pid: isThere ? (record?.pid ?? null) : null,
      startedAtMs: isThere ? (record?.startedAtMs ?? null) : null,
      boot: record?.boot ?? 0,
      epoch: record?.epoch ?? 0,
      running: isThere && record !== undefined ? (this.#running ?? startedAs(record)) : null,
      forwards: isThere ? (record?.forwards ?? []) : [],
      word: isThere ? (record?.word ?? null) : null,
      wordSeenAtMs: isThere ? (record?.wordSeenAtMs ?? null) : null,
      isIoStopped: this.#status === 'io-error',
      isWatchdogStopped: this.#status === 'watchdog',
      isAdopted: isThere && this.isAdopted,
      detail: process === 'lost' ? lastComplaint(this.folder) : (record?.detail ?? ''),
    }
  }

  #process(): Sight['process'] {
    const { record } = this
    if (record === undefined || record.phase === 'ended') return 'absent'
    if (record.phase === 'spawning' || this.isSpawning) return 'starting'
    if (!this.isAlive) return 'lost'
    if (this.#qmp?.isOpen === true) return seenAs(this.#status)
    return this.#clock.now() - record.startedAtMs < youthMs && !this.isAdopted ? 'starting' : 'strange'
  }

  #hear({ event, data }: QmpEvent) {
    if (event === 'RESUME') this.#turn('running')
    else if (event === 'GUEST_PANICKED') this.#turn('guest-panicked')
    else if (event === 'SHUTDOWN' && data['guest'] === true) this.#turn('shutdown')
    // A guest is stopped for many reasons; only QEMU knows which.
    else if (event === 'STOP' || event === 'BLOCK_IO_ERROR') void this.refresh().catch(() => undefined)
    else if (event === 'WATCHDOG') void this.refresh().catch(() => undefined)
    else if (tellsOfParts.has(event)) void this.look().catch(() => undefined)
  }

  #turn(status: string) {
    if (status === this.#status) return
    this.#status = status
    if (status === 'io-error') this.#resumeSoon()
    this.#changed(this.id)
  }

  /** The store was full or failing: try again now and then; QEMU repeats what could not be written (I-31). */
  #resumeSoon() {
    const { ioRetryMs } = limits
    this.#retry = this.#clock.after(ioRetryMs, () => {
      if (this.#status === 'io-error' && !this.isHeldStill)
        void this.#qmp?.ask('cont', {}).catch(() => undefined)
    })
  }

  /** QEMU's connection ended: it dies, or somebody broke the connection; /proc says which, in a moment. */
  async #lost(qmp: Qmp) {
    if (this.#qmp !== qmp) return
    this.#qmp = undefined
    this.serial.detach()
    for (let waitedMs = 0; this.isAlive && waitedMs < 500; waitedMs += 10) await this.#clock.sleep(10)
    this.#turn('gone')
    this.#changed(this.id)
  }
}

/** Events after which a guest's parts may be others than before. */
const tellsOfParts = new Set<string>([
  'BALLOON_CHANGE',
  'BLOCK_JOB_COMPLETED',
  'DEVICE_DELETED',
  'DEVICE_TRAY_MOVED',
  'JOB_STATUS_CHANGE',
  'MEMORY_DEVICE_SIZE_CHANGE',
])

function seenAs(status: string): Sight['process'] {
  if (status === 'prelaunch') return 'starting'
  if (status === 'paused' || status === 'io-error' || status === 'watchdog') return 'paused'
  if (status === 'shutdown') return 'shutdown'
  if (status === 'guest-panicked' || status === 'internal-error') return 'panicked'
  return 'running'
}
