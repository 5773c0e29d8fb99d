/** Processors and memory of a guest that runs; the bounds of its control groups go along. */

import { Problem } from '#model/problem.ts'
import { boundsOf, resizeCgroups } from '../jail/cgroup.ts'
import { resizeScope } from '../jail/scope.ts'
import type { Change } from './parts.ts'
import { findGrowth, pieces, type Growth } from './running.ts'

const mib = 2 ** 20

/** Only more: QEMU 7.2 damages itself when a processor that was taken away comes back. */
export async function setCpus(on: Change, cpus: number): Promise<void> {
  const { guest } = on
  const all = await guest.qmp.ask('query-hotpluggable-cpus', {})
  const present = all.filter((cpu) => cpu['qom-path'] !== undefined)
  if (cpus < present.length) throw notLive(on, 'processors can be added, not taken away')
  const absent = all.filter((cpu) => cpu['qom-path'] === undefined).toSorted(byPlace)
  const more = absent.slice(0, cpus - present.length)
  if (present.length + more.length < cpus) throw notLive(on, `it can have ${all.length} processors at most`)
  await resizeGroups(on, { cpus })
  for (const { type, props } of more)
    await guest.qmp.ask('device_add', { driver: type, id: `cpu-${placeOf(props).join('-')}`, ...props })
  guest.amend({ running: { ...runningOf(on), cpus } })
}

type Props = { readonly 'socket-id'?: number; readonly 'core-id'?: number; readonly 'thread-id'?: number }

const placeOf = (props: Props) => [props['socket-id'] ?? 0, props['core-id'] ?? 0, props['thread-id'] ?? 0]

function byPlace(one: { readonly props: Props }, other: { readonly props: Props }): number {
  const [left, right] = [placeOf(one.props), placeOf(other.props)]
  return left.map((n, at) => n - (right[at] ?? 0)).find((difference) => difference !== 0) ?? 0
}

/** How long a guest gets to plug in or give back before we go on; it may do so later. */
const settleMs = 3000

export async function setMemory(on: Change, memoryMib: number): Promise<void> {
  const { guest, clock } = on
  const running = runningOf(on)
  const startMib = running.startMib ?? running.memoryMib
  const growth = await findGrowth(guest.qmp)
  if (growth === null) {
    if (memoryMib === startMib) return
    throw notLive(on, 'it was started without room for more memory')
  }
  if (memoryMib < startMib)
    throw notLive(on, `less than the ${startMib} MiB it was started with waits for a restart`)
  if (memoryMib > (running.memoryMaxMib ?? startMib))
    throw notLive(on, `it was started with room for ${running.memoryMaxMib ?? startMib} MiB`)
  const wanted = pieces(memoryMib - startMib, growth)
  guest.amend({ running: { ...running, memoryMib } })
  await resizeGroups(on, { memoryMib: startMib + Math.max(wanted, growth.sizeBytes) / mib })
  await guest.qmp.ask('qom-set', {
    path: '/machine/peripheral/memory',
    property: 'requested-size',
    value: wanted,
  })
  const deadline = clock.monotonic() + settleMs
  let now: Growth | null = growth
  while (now !== null && now.sizeBytes !== wanted && clock.monotonic() < deadline) {
    await clock.sleep(50)
    now = await findGrowth(guest.qmp)
  }
  // What the guest has not given back yet, it may still use.
  if (now !== null) await resizeGroups(on, { memoryMib: startMib + Math.max(wanted, now.sizeBytes) / mib })
}

export async function setBalloon({ guest }: Change, memoryMib: number): Promise<void> {
  const growth = await findGrowth(guest.qmp)
  const grownBytes = growth?.sizeBytes ?? 0
  await guest.qmp.ask('balloon', { value: Math.max(memoryMib * mib - grownBytes, 16 * mib) })
}

function runningOf({ guest }: Change) {
  if (guest.record === undefined) throw new Problem('guest/absent', { machine: guest.id })
  return guest.record.running
}

const notLive = ({ guest }: Change, why: string) => new Problem('guest/not-live', { machine: guest.id, why })

async function resizeGroups(on: Change, change: { cpus?: number; memoryMib?: number }): Promise<void> {
  const { cpus, memoryMib } = { ...runningOf(on), ...change }
  const bounds = boundsOf({ cpus, memoryMib: Math.ceil(memoryMib) })
  if (on.means.groups === 'systemd-scope') await resizeScope(on.guest.id, bounds)
  else resizeCgroups(on.guest.record?.cgroups ?? [], bounds)
}
