/** Changes of a fake guest's parts: bounded slots, guests that cling, memory that a guest gives as it likes. */

import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { LiveParts } from '../port-parts.ts'
import type { DiskFile, Medium, Plug } from '../port.ts'
import type { Effects } from './effects.ts'
import { cpusMaxOf, fakeDisk, memoryMaxOf, type FakeShape } from './shape.ts'
import type { FakeGuest, FakeWorld } from './world.ts'

type Bounds = Pick<DiskFile, 'iops' | 'mibPerSecond'>

const hotBuses: ReadonlySet<string> = new Set(['virtio', 'scsi', 'nvme', 'usb'])
const lookEveryMs = 50

export class FakeParts implements LiveParts {
  readonly #world: FakeWorld
  readonly #effects: Effects

  constructor(world: FakeWorld, effects: Effects) {
    this.#world = world
    this.#effects = effects
  }

  attachDisk(id: string, disk: DiskFile, signal: AbortSignal) {
    return this.#effects('attachDisk', id, signal, () => {
      const { shape, body } = this.#world.live(id)
      if (shape.disks.some((one) => one.id === disk.id)) return
      if (body.spec.machineType === 'microvm' || !hotBuses.has(disk.bus))
        throw notLive(id, `a disk on ${disk.bus} cannot come while it runs`)
      this.#takeSlot(id, shape, disk.id)
      shape.disks.push(fakeDisk(disk, this.#world.sizes.get(disk.file)))
    })
  }

  detachDisk(id: string, disk: string, signal: AbortSignal) {
    return this.#effects('detachDisk', id, signal, () => {
      const { shape } = this.#world.live(id)
      return this.#letGo(id, disk, signal, {
        isThere: () => shape.disks.some((one) => one.id === disk),
        drop: () => (shape.disks = shape.disks.filter((one) => one.id !== disk)),
      })
    })
  }

  resizeDisk(id: string, disk: string, sizeBytes: number, signal: AbortSignal) {
    return this.#effects('resizeDisk', id, signal, () => {
      const found = this.#disk(id, disk)
      if (sizeBytes < found.sizeBytes) throw notLive(id, 'a disk cannot shrink')
      found.sizeBytes = sizeBytes
      const [top] = found.chain
      if (top !== undefined) this.#world.grew(top.file, sizeBytes)
    })
  }

  limitDisk(id: string, disk: string, bounds: Bounds, signal: AbortSignal) {
    return this.#effects('limitDisk', id, signal, () => {
      Object.assign(this.#disk(id, disk), { iops: bounds.iops, mibPerSecond: bounds.mibPerSecond })
    })
  }

  changeMedium(id: string, medium: Medium, signal: AbortSignal) {
    return this.#effects('changeMedium', id, signal, () => {
      const { shape } = this.#world.live(id)
      if (!shape.cdroms.some((drive) => drive.id === medium.id))
        throw notLive(id, `it has no drive ${medium.id}`)
      shape.cdroms = shape.cdroms.map((drive) => (drive.id === medium.id ? { ...medium } : drive))
    })
  }

  attachNic(id: string, plug: Plug, signal: AbortSignal) {
    return this.#effects('attachNic', id, signal, () => {
      const { shape, body } = this.#world.live(id)
      if (shape.nics.some((nic) => nic.plug.id === plug.id)) return
      if (body.spec.machineType === 'microvm') throw notLive(id, 'a microvm has no slots')
      this.#takeSlot(id, shape, plug.id)
      shape.nics.push({ plug, isLinkUp: plug.isLinkUp })
    })
  }

  detachNic(id: string, nic: string, signal: AbortSignal) {
    return this.#effects('detachNic', id, signal, () => {
      const { shape } = this.#world.live(id)
      return this.#letGo(id, nic, signal, {
        isThere: () => shape.nics.some(({ plug }) => plug.id === nic),
        drop: () => (shape.nics = shape.nics.filter(({ plug }) => plug.id !== nic)),
      })
    })
  }

  setLink(id: string, nic: string, isUp: boolean, signal: AbortSignal) {
    return this.#effects('setLink', id, signal, () => {
      const found = this.#world.live(id).shape.nics.find(({ plug }) => plug.id === nic)
      if (found === undefined) throw notLive(id, `it has no NIC ${nic}`)
      found.isLinkUp = isUp
    })
  }

  setCpus(id: string, cpus: number, signal: AbortSignal) {
    return this.#effects('setCpus', id, signal, () => {
      const { shape, body } = this.#world.live(id)
      if (cpus < shape.cpus) throw notLive(id, 'virtual CPUs cannot go while it runs')
      if (cpus > cpusMaxOf(body)) throw notLive(id, `it was begun for ${cpusMaxOf(body)} CPUs at most`)
      shape.cpus = cpus
    })
  }

  setMemory(id: string, memoryMib: number, signal: AbortSignal) {
    return this.#effects('setMemory', id, signal, () => {
      const { shape, body } = this.#world.live(id)
      if (memoryMib < body.spec.memoryMib || memoryMib > memoryMaxOf(body))
        throw notLive(id, `its memory can be ${body.spec.memoryMib} to ${memoryMaxOf(body)} MiB`)
      if (memoryMib < shape.memoryMib && this.#world.hoarders.has(id)) return
      const takenMib = shape.memoryMib - (shape.balloonMib ?? shape.memoryMib)
      shape.memoryMib = memoryMib
      if (shape.balloonMib !== null) shape.balloonMib = memoryMib - takenMib
    })
  }

  setBalloon(id: string, memoryMib: number, signal: AbortSignal) {
    return this.#effects('setBalloon', id, signal, () => {
      const { shape } = this.#world.live(id)
      if (shape.balloonMib === null) throw notLive(id, 'it has no balloon')
      if (!this.#world.hoarders.has(id)) shape.balloonMib = Math.min(memoryMib, shape.memoryMib)
    })
  }

  #disk(id: string, disk: string) {
    const found = this.#world.live(id).shape.disks.find((one) => one.id === disk)
    if (found === undefined) throw notLive(id, `it has no disk ${disk}`)
    return found
  }

  #takeSlot(id: string, shape: FakeShape, part: string) {
    if (shape.disks.length + shape.nics.length >= shape.begunWith + this.#world.spareSlots)
      throw new Problem('guest/no-slot', { machine: id, part })
  }

  /** Asks the guest, which lets go in its own time, also when nobody waits for it any more. */
  async #letGo(
    id: string,
    part: string,
    signal: AbortSignal,
    { isThere, drop }: { isThere: () => boolean; drop: () => void },
  ) {
    if (!isThere()) return
    const { clock, timing } = this.#world
    const guest = this.#world.live(id)
    this.#asked(guest, `${id}/${part}`, drop)
    const untilMs = clock.monotonic() + limits.detachMs
    while (isThere() && this.#world.guests.get(id)?.pid === guest.pid && guest.pid !== null) {
      if (clock.monotonic() >= untilMs)
        throw new Problem('guest/clings', { machine: id, part, seconds: limits.detachMs / 1000 })
      await clock.sleep(Math.min(lookEveryMs, timing.detachMs), signal)
    }
  }

  #asked(guest: FakeGuest, key: string, drop: () => void) {
    const clingsMs = this.#world.clings.get(key) ?? this.#world.timing.detachMs
    if (clingsMs === 'ever' || guest.leaving.has(key)) return
    guest.leaving.add(key)
    this.#world.clock.after(clingsMs, () => {
      guest.leaving.delete(key)
      if (guest.process === 'running' || guest.process === 'paused') drop()
    })
  }
}

const notLive = (machine: string, why: string) => new Problem('guest/not-live', { machine, why })
