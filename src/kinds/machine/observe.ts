/** Looks at everything that a machine's plan needs, in the controller's replica. */

import type { Stored } from '#model/document.ts'
import { resolve } from '#model/reference.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Allocation, MachineObserved } from './observed.ts'
import type { MachineDocument } from './schema.ts'

/** What observing and acting need of the controller's view; the replica offers it, rehearsals fake it. */
export type View = {
  get(kind: string, id: string): Stored | undefined
  find(kind: string, project: string | null, name: string): Stored | undefined
  by(index: string, key: string): readonly Stored[]
}

export type Allocations = {
  of(host: string, machine: string): Allocation | null
  /** What a host has still to give; null when it is not known. */
  room(host: string): Allocation | null
  candidates(): readonly Candidate[]
  /** Since when a host has not answered, as people read it; null: it answers. */
  silentSince(host: string): string | null
}

export type MachineSeen = MachineObserved & {
  /** Revisions of the documents seen, for the preconditions of what is done. */
  readonly revisions: { readonly machine: number; readonly guest: number; readonly bootVolume: number }
}

export function observeMachine(
  document: MachineDocument,
  revision: number,
  view: View,
  allocations: Allocations,
): MachineSeen {
  const [guest] = view.by('guest-of', document.id) as readonly Stored<GuestDocument>[]
  const [bootVolume] = view.by('volume-of', document.id) as readonly Stored<VolumeDocument>[]
  const named = <D>(kind: string, name: string): D | null => lookUp<D>(view, kind, document.project, name)
  return {
    machine: document,
    hostSilentSince: document.host === null ? null : allocations.silentSince(document.host),
    image: document.spec.image === null ? null : named<ImageDocument>('image', document.spec.image),
    bootVolume: bootVolume?.document ?? null,
    disks: document.spec.disks.map((name) => named<VolumeDocument>('volume', name)),
    networks: document.spec.nics.map(({ network }) => named<NetworkDocument>('network', network)),
    guest: guest?.document ?? null,
    allocated: document.host === null ? null : allocations.of(document.host, document.id),
    room: document.host === null ? null : allocations.room(document.host),
    candidates: document.host === null && document.deletingAtMs === null ? allocations.candidates() : [],
    revisions: { machine: revision, guest: guest?.revision ?? 0, bootVolume: bootVolume?.revision ?? 0 },
  }
}

function lookUp<D>(view: View, kind: string, project: string | null, name: string): D | null {
  const find = (kind: string, project: string | null, name: string) =>
    view.find(kind, project, name)?.document
  return (resolve(name, { kind, scope: 'project', project, find }) as D | undefined) ?? null
}
