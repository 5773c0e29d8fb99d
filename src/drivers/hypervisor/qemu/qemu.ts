/** The hypervisor driver for QEMU: finds its guests, gives each its turn, and carries out what is asked. */

import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Accelerator, Body, Hypervisor, Sight } from '../port.ts'
import { agentOf } from './agent/agent.ts'
import { findEmulator, findTscKhz, type Emulator } from './emulator.ts'
import { endProcess, endUnfinished, removeGroups } from './ending.ts'
import { featuresOf } from './features.ts'
import { isGuestId, readScreen, runFolders, screenFile } from './folder.ts'
import { Guest } from './guest.ts'
import { findMeans, type Means } from './jail/means.ts'
import { uidsIn, type Uids } from './jail/uids.ts'
import { wallsOf } from './jail/walls.ts'
import { keysFrom } from './keys.ts'
import { layersOf } from './layers/layers.ts'
import { partsOf } from './parts/parts.ts'
import { decideAccelerator } from './probe/accelerator.ts'
import { askCpuModels } from './probe/cpu-models.ts'
import { socketChannel } from './serial/channel.ts'
import { connectIn } from './socket.ts'
import { spawnGuest, type Ground } from './spawning.ts'
import { readUsage } from './usage.ts'
import type { InTurn } from './turns.ts'

export type QemuOptions = {
  /** Where the run folders are: `DATA/agent/guests`, absolute. */
  readonly folder: string
  readonly clock: Clock
  /** Another program than the one on the path. */
  readonly binary?: string
  /** Folders of this host below which guests may be shown folders; absolute. None: none. */
  readonly shareFolders?: readonly string[]
  /** USB devices of this host that guests may be given, as VENDOR:PRODUCT. None: none. */
  readonly usbDevices?: readonly string[]
}

/** How often guests without a connection are looked for, and logs are bounded. */
const tendMs = 500

/** Opens the driver; every guest that runs is found again, proven and attached when this resolves. */
export async function openQemu(options: QemuOptions): Promise<Hypervisor> {
  mkdirSync(options.folder, { recursive: true, mode: 0o755 })
  const [emulator, means] = await Promise.all([findEmulator(options.binary), findMeans()])
  const driver = new Qemu(options, emulator, means)
  await driver.adoptAll()
  return driver
}

class Qemu implements Hypervisor {
  readonly name = 'qemu'
  readonly parts
  readonly layers
  readonly agent
  readonly #folder: string
  readonly #shareFolders: readonly string[]
  readonly #usbDevices: readonly string[]
  readonly #clock: Clock
  readonly #emulator: Emulator | undefined
  readonly #means: Means
  readonly #uids: Uids = uidsIn()
  readonly #guests = new Map<string, Guest>()
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #listeners = new Set<(id: string) => void>()
  #accelerator: Promise<Accelerator> | undefined
  #tscKhz: Promise<number | null> | undefined
  #isClosed = false

  constructor(
    { folder, clock, shareFolders = [], usbDevices = [] }: QemuOptions,
    emulator: Emulator | undefined,
    means: Means,
  ) {
    this.#folder = folder
    this.#shareFolders = shareFolders
    this.#usbDevices = usbDevices
    this.#clock = clock
    this.#emulator = emulator
    this.#means = means
    const inTurn: InTurn = (id, signal, work) => this.#inTurn(id, signal, work)
    this.parts = partsOf(inTurn, { means, uidOf: (id) => this.uidOf(id), clock })
    this.layers = layersOf(inTurn, clock)
    this.agent = agentOf((id) => this.#guest(id), clock)
  }

  async adoptAll() {
    await Promise.all(runFolders(this.#folder).map((id) => this.#adopt(this.#guest(id))))
    this.#tendSoon()
  }

  accelerator() {
    return (this.#accelerator ??= this.#accelerate())
  }

  async #accelerate(): Promise<Accelerator> {
    const decided = await decideAccelerator(this.#emulator, this.#folder)
    const { name } = decided
    if (this.#emulator === undefined || (name !== 'kvm' && name !== 'tcg')) return decided
    const machineTypes = [...new Set(Object.values(this.#emulator.machines))]
    return { ...decided, machineTypes, cpuModels: await askCpuModels(this.#emulator, name) }
  }

  async walls() {
    return wallsOf(this.#means, (await this.accelerator()).name)
  }

  async features() {
    return this.#emulator === undefined ? [] : featuresOf(this.#emulator, this.#means)
  }

  async uidOf(id: string) {
    return this.#means.isRoot ? this.#uids.of(this.#runFolder(id)) : null
  }

  async list() {
    return runFolders(this.#folder)
  }

  async observe(id: string): Promise<Sight> {
    const guest = this.#guest(id)
    // Who was only asked after is not kept in mind.
    if (guest.record === undefined && !this.#turns.has(id)) this.#guests.delete(id)
    return guest.sight()
  }

  onChange(call: (id: string) => void) {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  spawn(id: string, body: Body, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => spawnGuest(guest, body, await this.#ground(), signal))
  }

  powerdown(id: string, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => {
      await guest.qmp.ask('system_powerdown', {})
    })
  }

  pause(id: string, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => {
      await guest.qmp.ask('stop', {})
      guest.isHeldStill = true
      await guest.refresh()
    })
  }

  resume(id: string, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => {
      guest.isHeldStill = false
      await guest.qmp.ask('cont', {})
      await guest.refresh()
    })
  }

  kill(id: string, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => {
      await endProcess(guest, this.#clock)
      this.#tell(id)
    })
  }

  remove(id: string, signal: AbortSignal) {
    return this.#inTurn(id, signal, async (guest) => {
      const { process } = guest.sight()
      if (process !== 'absent' && process !== 'lost')
        throw new Problem('object/refused', { why: 'Its process still stands.' })
      // The folder names them: it stays until they are gone, and the next attempt finds them (I-20).
      if (!(await removeGroups(guest.record?.cgroups ?? [], this.#clock)))
        throw new Problem('tool/failed', {
          tool: 'cgroup',
          why: 'a control group of the guest is still in use',
        })
      this.#uids.release(join(guest.folder, 'tpm'))
      this.#uids.release(guest.folder)
      rmSync(guest.folder, { recursive: true, force: true })
      guest.detach()
      this.#guests.delete(id)
    })
  }

  async reset(id: string) {
    await this.#guest(id).qmp.ask('system_reset', {})
  }

  async sendKeys(id: string, keys: readonly string[]) {
    await this.#guest(id).qmp.ask('send-key', { keys: keysFrom(keys) })
  }

  screenshot(id: string) {
    return this.#inTurn(id, AbortSignal.timeout(limits.qmpAnswerMs), async ({ qmp, folder }) => {
      await qmp.ask('screendump', { filename: screenFile, format: 'png' })
      const bytes = readScreen(folder)
      if (bytes === undefined || bytes.length === 0)
        throw new Problem('qmp/refused', { command: 'screendump', why: 'it wrote no picture' })
      return bytes
    })
  }

  async serialLog(id: string) {
    return this.#guest(id).serial.log()
  }

  async serial(id: string): Promise<ByteChannel> {
    const guest = this.#guest(id)
    requireProcess(guest)
    return guest.serial.view()
  }

  async vnc(id: string): Promise<ByteChannel> {
    const guest = this.#guest(id)
    requireProcess(guest)
    if (guest.record?.running.machineType.startsWith('microvm') === true)
      throw new Problem('feature/not-here', { what: 'a screen', why: 'a microvm has none' })
    return socketChannel(await connectIn(guest.folder, 'vnc.sock'))
  }

  async usage(id: string) {
    return readUsage(this.#guest(id))
  }

  async close() {
    this.#isClosed = true
    this.#listeners.clear()
    await Promise.allSettled(this.#turns.values())
    this.agent.close()
    for (const guest of this.#guests.values()) guest.detach()
  }

  #guest(id: string): Guest {
    const known = this.#guests.get(id)
    if (known !== undefined) return known
    const guest = new Guest(id, this.#runFolder(id), this.#clock, (changed) => this.#tell(changed))
    this.#guests.set(id, guest)
    return guest
  }

  #runFolder(id: string) {
    if (!isGuestId(id)) throw new Problem('request/invalid', { field: 'id', why: 'must be a UUID' })
    return join(this.#folder, id)
  }

  async #ground(): Promise<Ground> {
    if (this.#emulator === undefined)
      throw new Problem('tool/missing', { tool: 'QEMU', package: 'qemu-system' })
    const { name } = await this.accelerator()
    return {
      accelerator: name,
      emulator: this.#emulator,
      means: this.#means,
      features: featuresOf(this.#emulator, this.#means),
      shareFolders: this.#shareFolders,
      usbDevices: this.#usbDevices,
      uids: this.#uids,
      tscKhz: await (this.#tscKhz ??= findTscKhz()),
      clock: this.#clock,
    }
  }

  async #adopt(guest: Guest) {
    await guest.adopt()
    if (guest.isUnfinished) await endUnfinished(guest, this.#clock)
  }

  /** One effect on a guest at a time, in the order in which they were asked for. */
  async #inTurn<T>(id: string, signal: AbortSignal, work: (guest: Guest) => Promise<T>): Promise<T> {
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before.then(
      () => this.#work(id, signal, work),
      () => this.#work(id, signal, work),
    )
    this.#turns.set(id, turn)
    return turn.finally(() => {
      if (this.#turns.get(id) === turn) this.#turns.delete(id)
    })
  }

  async #work<T>(id: string, signal: AbortSignal, work: (guest: Guest) => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    const guest = this.#guest(id)
    return work(guest)
  }

  #tell(id: string) {
    for (const call of this.#listeners) call(id)
  }

  async #tend(guest: Guest) {
    await guest.tend()
    if (guest.isUnfinished && !this.#turns.has(guest.id))
      await this.#inTurn(guest.id, AbortSignal.timeout(limits.spawnMs), (now) =>
        endUnfinished(now, this.#clock),
      )
  }

  #tendSoon() {
    this.#clock.after(tendMs, () => {
      if (this.#isClosed) return
      // One that hangs keeps nobody else waiting.
      for (const guest of this.#guests.values()) void this.#tend(guest).catch(() => undefined)
      this.#tendSoon()
    })
  }
}

/** Problem `guest/absent` unless a process stands that was proven to be the guest. */
const requireProcess = (guest: Guest) => void guest.qmp
