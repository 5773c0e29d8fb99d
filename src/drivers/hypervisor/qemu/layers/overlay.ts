/**
 * New tops above a guest's disks, all in one moment, with its memory where wished:
 *
 *     files shown and opened ▸ guest held (with memory) ▸ one transaction ▸ memory streams to a file ▸ guest goes on
 *
 * Whatever happens after the moment, the guest goes on; memory that is not whole is not there.
 */

import { existsSync } from 'node:fs'
import type { JsonObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { layerOf } from '../command/image.ts'
import type { Guest } from '../guest.ts'
import { showFile } from '../jail/door.ts'
import type { DiskFile, FileLayer } from '../../port.ts'
import { diskIn, giveKeys, nodeNamed, nodesByFile, type LiveDisk } from './chain.ts'
import { askLayout } from './layout.ts'
import { keepMemory } from './memory.ts'
import { askRunning } from '../parts/running.ts'
import type { Kept } from '../../port-layers.ts'

export type Tops = readonly {
  readonly disk: string
  readonly top: FileLayer
  readonly keys: DiskFile['keys']
}[]

type Pair = { readonly live: LiveDisk; readonly top: FileLayer; readonly keys: DiskFile['keys'] }

export async function overlay(
  guest: Guest,
  tops: Tops,
  memoryFile: string | null,
  on: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<{ pausedMs: number; kept: Kept | null }> {
  const pairs: Pair[] = []
  for (const { disk, top, keys } of tops) pairs.push({ live: await diskIn(guest, disk), top, keys })
  const waiting = pairs.filter(({ live, top }) => live.files[0] !== top.file)
  const isKept = memoryFile === null || existsSync(memoryFile)
  if (waiting.length === 0) {
    if (isKept) return { pausedMs: 0, kept: null }
    throw new Problem('guest/not-live', {
      machine: guest.id,
      why: 'its memory of that moment was not written to the end',
    })
  }
  const nodes = await openTops(guest, waiting)
  on.signal.throwIfAborted()
  const switchNow = () => switchAll(guest, waiting, nodes)
  if (memoryFile !== null) {
    // Nothing comes or goes meanwhile: all of it is this guest's turn.
    const kept = await keptOf(guest)
    return { ...(await keepMemory(guest, memoryFile, switchNow, on)), kept }
  }
  const before = on.clock.monotonic()
  await switchNow()
  return { pausedMs: Math.ceil(on.clock.monotonic() - before), kept: null }
}

async function keptOf({ id, qmp, record }: Guest): Promise<Kept> {
  if (record === undefined) throw new Problem('guest/absent', { machine: id })
  return { running: await askRunning(qmp, record), layout: { ...(await askLayout(qmp)) } as JsonObject }
}

/** The new files as nodes that nobody uses yet; those of an attempt that was cut short are found again. */
async function openTops(guest: Guest, pairs: readonly Pair[]): Promise<string[]> {
  const { qmp, record } = guest
  const nodes: string[] = []
  for (const { live, top, keys } of pairs) {
    const known = (await nodesByFile(qmp)).get(top.file)
    const name = known ?? nodeNamed(top.file)
    if (known === undefined) {
      await showFile(record?.pid ?? 0, top.file, 'rw')
      await giveKeys(qmp, keys, [top])
      await qmp.ask('blockdev-add', { 'node-name': name, ...layerOf(top, live.ways, false), backing: null })
    }
    nodes.push(name)
  }
  return nodes
}

async function switchAll({ qmp }: Guest, pairs: readonly Pair[], nodes: readonly string[]) {
  const actions = pairs.map(({ live }, at) => ({
    type: 'blockdev-snapshot',
    data: { node: live.node, overlay: nodes[at] ?? '' },
  }))
  await qmp.ask('transaction', { actions })
}
