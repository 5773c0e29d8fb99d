/** Layers of a fake guest's disks: overlays at one moment, merges and mirrors that take virtual time. */

import { Problem } from '#model/problem.ts'
import type { LiveLayers, Progress } from '../port-layers.ts'
import type { DiskFile, FileLayer } from '../port.ts'
import type { Effects } from './effects.ts'
import { fitOf, runningOf, type FakeDisk } from './shape.ts'
import type { FakeGuest, FakeWorld } from './world.ts'

type Tops = readonly { readonly disk: string; readonly top: FileLayer }[]
type Merge = { readonly disk: string; readonly into: string; readonly base: string | null }

/** Work is told of so many times on its way. */
const tellings = 10

export class FakeLayers implements LiveLayers {
  readonly #world: FakeWorld
  readonly #effects: Effects

  constructor(world: FakeWorld, effects: Effects) {
    this.#world = world
    this.#effects = effects
  }

  overlay(id: string, tops: Tops, memoryFile: string | null, signal: AbortSignal) {
    return this.#effects('overlay', id, signal, async () => {
      const guest = this.#world.live(id)
      const pairs = tops.map(({ disk, top }) => ({ disk: diskOf(guest, disk), top }))
      const isDone = pairs.every(({ disk, top }) => disk.chain[0]?.file === top.file)
      if (isDone) return { pausedMs: 0, kept: null }
      const { timing, clock, memories } = this.#world
      if (memoryFile !== null) await clock.sleep(timing.memoryMs, signal)
      mustStand(this.#world, id, guest)
      // One moment: nothing else runs between these lines.
      for (const { disk, top } of pairs)
        if (disk.chain[0]?.file !== top.file) disk.chain = [top, ...disk.chain]
      if (memoryFile === null) return { pausedMs: timing.overlayMs, kept: null }
      const running = runningOf(guest.body, guest.shape)
      memories.set(memoryFile, guest.memory)
      this.#world.fits.set(memoryFile, fitOf(running))
      return { pausedMs: timing.memoryMs, kept: { running, layout: {} } }
    })
  }

  merge(id: string, wish: Merge, report: Progress, signal: AbortSignal) {
    return this.#effects('merge', id, signal, async () => {
      const guest = this.#world.live(id)
      const disk = diskOf(guest, wish.disk)
      if (betweenOf(disk, wish, id).length === 0) return report(1)
      await this.#work(id, guest, report, signal)
      const between = betweenOf(disk, wish, id)
      this.#world.contents.gather(wish.into, between)
      disk.chain = disk.chain.filter((layer) => !between.includes(layer))
    })
  }

  mirror(
    id: string,
    {
      disk: name,
      target,
      ready,
    }: { readonly disk: string; readonly target: DiskFile; readonly ready?: () => Promise<void> },
    report: Progress,
    signal: AbortSignal,
  ) {
    return this.#effects('mirror', id, signal, async () => {
      const guest = this.#world.live(id)
      const disk = diskOf(guest, name)
      if (disk.chain[0]?.file === target.file) return report(1)
      await this.#work(id, guest, report, signal)
      const { contents } = this.#world
      contents.empty(target.file)
      const { file, format, key } = target
      // Only the top is copied where the target stands on the same layers.
      const kept = new Set(target.backing.map((layer) => layer.file))
      contents.gather(
        file,
        disk.chain.filter((layer) => !kept.has(layer.file)),
      )
      await ready?.()
      disk.chain = [{ file, format, key }, ...target.backing]
    })
  }

  async #work(id: string, guest: FakeGuest, report: Progress, signal: AbortSignal) {
    const { clock, timing } = this.#world
    for (let told = 1; told <= tellings; told += 1) {
      await clock.sleep(timing.jobMs / tellings, signal)
      signal.throwIfAborted()
      mustStand(this.#world, id, guest)
      report(told / tellings)
    }
  }
}

/** The layers beneath `into` and above `base`. */
function betweenOf(disk: FakeDisk, { into, base }: Merge, id: string): FileLayer[] {
  const at = disk.chain.findIndex(({ file }) => file === into)
  const end = base === null ? disk.chain.length : disk.chain.findIndex(({ file }) => file === base)
  if (at < 0 || end < at)
    throw new Problem('guest/not-live', { machine: id, why: 'its disk has no such layers' })
  return disk.chain.slice(at + 1, end)
}

function diskOf({ shape, body }: FakeGuest, name: string): FakeDisk {
  const found = shape.disks.find(({ id }) => id === name)
  if (found === undefined)
    throw new Problem('guest/not-live', { machine: body.spec.machineName, why: `it has no disk ${name}` })
  return found
}

function mustStand(world: FakeWorld, id: string, { pid }: FakeGuest) {
  if (pid === null || world.live(id).pid !== pid) throw new Problem('guest/absent', { machine: id })
}
