/** Differences between the NICs that are wished and those that run. Pure. */

import { canonical, same } from '#base/json.ts'
import type { GuestNic } from './parts.ts'
import type { Difference } from './plan-parts.ts'
import {
  note,
  type GuestObserved,
  type GuestRecord,
  type GuestRunning,
  type LiveStep,
} from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

type Differences = {
  readonly going: readonly Difference[]
  readonly coming: readonly Difference[]
  readonly changing: readonly Difference[]
}

const restart: Difference = { restart: 'nics' }

/** What a NIC is to its process: another of these is another NIC, taken out and put in anew. */
const identity = ({ network, driver, mac, model, mtu, isRestricted, forwards }: GuestNic) =>
  canonical({ network, driver, mac, model, mtu, isRestricted, forwards: driver === 'user' ? forwards : [] })

export function nicDifferences(wish: GuestSpec, seen: GuestObserved, running: GuestRunning): Differences {
  const { record } = seen
  const isHot = running.machineType !== 'microvm'
  const going: Difference[] = []
  const stays = new Set<string>()
  for (const id of openNics(seen, running)) {
    const wished = wish.nics.find((nic) => nic.id === id)
    const before = record.nics.find((nic) => nic.id === id)
    if (wished !== undefined && (before === undefined || identity(before) === identity(wished))) continue
    stays.add(id)
    going.push(isThere(running, id) && !isHot ? restart : goes(record, id))
  }
  const kept = wish.nics.filter(({ id }) => !stays.has(id))
  return {
    going,
    coming: kept.filter(({ id }) => !isThere(running, id)).map((nic) => (isHot ? comes(nic, seen) : restart)),
    changing: kept.filter(({ id }) => isThere(running, id)).flatMap((nic) => changes(nic, record, running)),
  }
}

const isThere = ({ nics }: GuestRunning, id: string) => nics.some((nic) => nic.id === id)

const openNics = ({ record }: GuestObserved, { nics }: GuestRunning) => [
  ...new Set([...record.nics.map(({ id }) => id), ...nics.map(({ id }) => id)]),
]

function noted(record: GuestRecord, nic: GuestNic) {
  const isNew = !record.nics.some(({ id }) => id === nic.id)
  const nics = record.nics.map((one) => (one.id === nic.id ? nic : one))
  return note({ ...record, nics: isNew ? [...nics, nic] : nics })
}

function goes(record: GuestRecord, nic: string): Difference {
  const live: LiveStep = { do: 'detach-nic', nic }
  const nics = record.nics.filter(({ id }) => id !== nic)
  return { live, steps: [live, note({ ...record, nics })] }
}

function comes(nic: GuestNic, { record, waits }: GuestObserved): Difference {
  const wait = waits[`nic/${nic.id}`]
  if (wait !== undefined) return { wait }
  const live: LiveStep = { do: 'attach-nic', nic: nic.id }
  const before = record.nics.find(({ id }) => id === nic.id)
  return { live, steps: same(before, nic) ? [live] : [noted(record, nic), live] }
}

function changes(nic: GuestNic, record: GuestRecord, running: GuestRunning): Difference[] {
  const before = record.nics.find(({ id }) => id === nic.id) ?? nic
  const isUp = running.nics.find(({ id }) => id === nic.id)?.isLinkUp ?? nic.isLinkUp
  return [...reaches(nic, before, record), ...links(nic, isUp)]
}

/** A bridge's forwards are rules of the host; those of user networks belong to the process. */
function reaches(nic: GuestNic, before: GuestNic, record: GuestRecord): Difference[] {
  if (same(before.forwards, nic.forwards)) return []
  const live: LiveStep = { do: 'renew-nic', nic: nic.id }
  return [{ live, steps: [live, noted(record, nic)] }]
}

function links({ id, isLinkUp }: GuestNic, isUp: boolean): Difference[] {
  if (isUp === isLinkUp) return []
  const live: LiveStep = { do: 'set-link', nic: id, isUp: isLinkUp }
  return [{ live, steps: [live] }]
}
