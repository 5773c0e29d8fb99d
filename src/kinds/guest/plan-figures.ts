/** Differences in media, CPUs, memory, balloon, and in what only a start changes. Pure. */

import { differences } from '#base/json.ts'
import type { Difference } from './plan-parts.ts'
import type { GuestObserved, GuestRunning, LiveStep } from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

const by = (live: LiveStep): Difference => ({ live, steps: [live] })

export function mediumDifferences(
  { cdroms }: GuestSpec,
  { waits, media }: GuestObserved,
  running: GuestRunning,
): Difference[] {
  const gone = running.cdroms.some(({ id }) => !cdroms.some((drive) => drive.id === id))
  const restart: Difference = { restart: 'cdroms' }
  const each = cdroms.flatMap(({ id }): Difference[] => {
    const drive = running.cdroms.find((one) => one.id === id)
    if (drive === undefined) return [restart]
    const wait = waits[`cdrom/${id}`]
    if (wait !== undefined) return [{ wait }]
    const file = media[id] ?? null
    return file === drive.file ? [] : [by({ do: 'change-medium', cdrom: id, file })]
  })
  return gone ? [...each, restart] : each
}

export const figureDifferences = (
  wish: GuestSpec,
  seen: GuestObserved,
  running: GuestRunning,
): Difference[] => [
  ...cpuDifference(wish, running),
  ...memoryDifference(wish, seen, running),
  ...balloonDifference(wish, seen, running),
]

/** Virtual CPUs come and never go: QEMU 7.2 does not survive that. */
function cpuDifference({ cpus }: GuestSpec, running: GuestRunning): Difference[] {
  if (cpus === running.cpus) return []
  const canCome = cpus > running.cpus && cpus <= running.cpusMax && running.machineType !== 'microvm'
  return [canCome ? by({ do: 'set-cpus', cpus }) : { restart: 'cpus' }]
}

/** What it was begun with stays; only what came above it can go. */
function memoryDifference(
  { memoryMib }: GuestSpec,
  { record }: GuestObserved,
  running: GuestRunning,
): Difference[] {
  if (memoryMib === running.memoryMib) return []
  const leastMib = record.begun?.memoryMib ?? running.memoryMib
  const isHot = running.machineType !== 'microvm'
  const isWithin = isHot && memoryMib >= leastMib && memoryMib <= running.memoryMaxMib
  return [isWithin ? by({ do: 'set-memory', memoryMib }) : { restart: 'memoryMib' }]
}

function balloonDifference(
  { balloonMib }: GuestSpec,
  { record }: GuestObserved,
  running: GuestRunning,
): Difference[] {
  if (running.balloonMib === null)
    return balloonMib !== null && record.begun?.shape.hasBalloon === false ? [{ restart: 'balloonMib' }] : []
  const wishedMib = Math.min(balloonMib ?? running.memoryMib, running.memoryMib)
  // The guest gives pages, not figures: a MiB more or less is as wished.
  if (Math.abs(wishedMib - running.balloonMib) <= 1) return []
  return [by({ do: 'set-balloon', memoryMib: wishedMib })]
}

/** Parts of the shape that a running guest need not be told of. */
const unseen: ReadonlySet<string> = new Set(['bootOrder', 'hasGuestAgent', 'hasBalloon'])

/** Fields that only a start changes and that differ from those of the start. */
export function startDifferences(
  wish: GuestSpec,
  { record }: GuestObserved,
  running: GuestRunning,
): Difference[] {
  const { begun } = record
  if (begun === null) return []
  const of = ({ machineType, kernelImage, commandLine, shape }: typeof begun) => ({
    machineType,
    kernelImage,
    commandLine,
    ...shape,
    machineVersion: null,
  })
  const isOther = isOtherVersion(wish.shape.machineVersion, running.machineVersion)
  const paths = differences(of(begun), of(wish))
    .map(({ path }) => path.split('.')[0] ?? path)
    .filter((field) => !unseen.has(field))
  return [...new Set([...paths, ...(isOther ? ['machineVersion'] : [])])].map((restart) => ({ restart }))
}

/** A person may name the machine type alone, without the CPU model behind the slash. */
const isOtherVersion = (wished: string | null, runs: string | null) =>
  wished !== null && runs !== null && runs !== wished && !runs.startsWith(`${wished}/`)
