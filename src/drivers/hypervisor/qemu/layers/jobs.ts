/** Merging layers into the top, and moving a disk to another file, while the guest writes. */

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { inert } from '#base/text.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { nodeOf } from '../command/image.ts'
import type { Guest } from '../guest.ts'
import { hideFile, showFile } from '../jail/door.ts'
import type { Progress } from '../../port-layers.ts'
import type { DiskFile } from '../../port.ts'
import { closeFiles, diskIn, giveKeys, nodeNamed, nodesByFile } from './chain.ts'
import { cancelJob, jobIn, untilOver } from './job.ts'

export type Work = { readonly clock: Clock; readonly signal: AbortSignal; readonly report: Progress }

export async function merge(
  guest: Guest,
  { disk, into, base }: { readonly disk: string; readonly into: string; readonly base: string | null },
  { clock, signal, report }: Work,
): Promise<void> {
  const { qmp } = guest
  const id = `merge-${disk}`
  const { files } = await diskIn(guest, disk)
  const [from, to] = [files.indexOf(into), base === null ? files.length : files.indexOf(base)]
  if (from < 0 || to < from)
    throw new Problem('guest/not-live', { machine: guest.id, why: 'its disk has no such layers' })
  const between = files.slice(from + 1, to)
  const isUnderWay = (await jobIn(qmp, id)) !== undefined
  if (between.length > 0 && !isUnderWay) {
    const nodes = await nodesByFile(qmp)
    await qmp.ask('block-stream', {
      'job-id': id,
      device: nodes.get(into) ?? '',
      'auto-dismiss': false,
      ...(base === null
        ? {}
        : { 'base-node': nodes.get(base) ?? '', 'backing-file': relative(dirname(into), base) }),
    })
  }
  if (between.length > 0 || isUnderWay) {
    try {
      await untilOver({ qmp, clock, id, signal }, report)
    } catch (fault) {
      // Nothing is lost: what has been copied stays, and the next attempt goes on from there.
      if (signal.aborted) await cancelJob(qmp, clock, id)
      throw fault
    }
  }
  await flush(guest, disk)
  await closeFiles(guest, between)
}

/** QEMU keeps tables of what it copied in mind; before anything beneath is removed they must be on the disk. */
async function flush(guest: Guest, disk: string) {
  const { node } = await diskIn(guest, disk)
  const said = await guest.qmp.ask('human-monitor-command', { 'command-line': `qemu-io "${node}" "flush"` })
  if (/error|fail|not found/i.test(said))
    throw new Problem('qmp/refused', { command: 'flush', why: inert(said).trim().slice(0, 400) })
}

type MirrorWish = {
  readonly disk: string
  readonly target: DiskFile
  readonly ready?: (() => Promise<void>) | undefined
}

export async function mirror(
  guest: Guest,
  { disk, target, ready }: MirrorWish,
  { clock, signal, report }: Work,
): Promise<void> {
  const { qmp } = guest
  const id = `mirror-${disk}`
  const before = await diskIn(guest, disk)
  if (before.files[0] === target.file && (await jobIn(qmp, id)) === undefined) return report(1)
  const others = before.files.filter((file) => !isOf(target, file))
  try {
    if ((await jobIn(qmp, id)) === undefined) await begin(guest, { id, node: before.node, target })
    const work = { qmp, clock, id, signal }
    if ((await untilOver(work, report)) === 'ready') await finish(guest, id, { target, ready }, work)
  } catch (fault) {
    if (qmp.isOpen && (await diskIn(guest, disk)).files[0] !== target.file) {
      await cancelJob(qmp, clock, id)
      await closeFiles(guest, [target.file])
    }
    throw fault
  }
  if ((await diskIn(guest, disk)).files[0] !== target.file)
    throw new Problem('qmp/refused', { command: 'blockdev-mirror', why: 'the disk did not go over' })
  report(1)
  await closeFiles(guest, others)
}

const isOf = (target: DiskFile, file: string) =>
  target.file === file || target.backing.some((layer) => layer.file === file)

async function begin(guest: Guest, { id, node, target }: { id: string; node: string; target: DiskFile }) {
  const { qmp, record } = guest
  const name = (await nodesByFile(qmp)).get(target.file) ?? nodeNamed(target.file)
  if ((await nodesByFile(qmp)).get(target.file) === undefined) {
    for (const { file } of target.backing) await showFile(record?.pid ?? 0, file, 'ro')
    await showFile(record?.pid ?? 0, target.file, 'rw')
    await giveKeys(qmp, target.keys, [target, ...target.backing])
    await qmp.ask('blockdev-add', nodeOf(target, name)).catch(async (refusal: unknown) => {
      await hideFile(record?.pid ?? 0, target.file).catch(() => undefined)
      throw refusal
    })
  }
  await qmp.ask('blockdev-mirror', {
    'job-id': id,
    device: node,
    target: name,
    sync: target.backing.length > 0 ? 'top' : 'full',
    // From the moment that it is ready on, each write is on both before the guest hears of it.
    'copy-mode': 'write-blocking',
    'auto-dismiss': false,
  })
}

/** All that was copied is on the disk before the guest goes over. */
async function finish(
  { qmp }: Guest,
  id: string,
  { target, ready }: Omit<MirrorWish, 'disk'>,
  work: { qmp: Guest['qmp']; clock: Clock; id: string; signal: AbortSignal },
) {
  await using file = await open(target.file, constants.O_RDONLY | constants.O_NOFOLLOW)
  await file.sync()
  await ready?.()
  await qmp.ask('job-complete', { id })
  // No way back from here: an abort is too late.
  const late = { ...work, signal: new AbortController().signal }
  for (let tries = 0; tries < 1000; tries++) {
    if ((await untilOver(late, () => undefined)) === 'over') return
    await work.clock.sleep(20)
  }
}
