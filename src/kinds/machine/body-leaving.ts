/**
 * What must belong to one machine only, and when it is given back: disks it writes to, host ports it listens on.
 * A part that is no longer wished stays claimed until the host has told, of a wish without it, that the guest
 * runs without it (I-01, I-27). Pure.
 */

import { addressClaims } from '#engines/addressing/assign.ts'
import type { Leaving } from '#kinds/guest/parts.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'

type Parts = Pick<GuestSpec, 'disks' | 'nics'>
type Port = { readonly protocol: string; readonly address: string; readonly hostPort: number }

export const portClaim = (host: string, { protocol, address, hostPort }: Port) =>
  `port/${host}/${protocol}/${address}/${hostPort}`

/** Everything that a guest's wish has or may still have. */
export const guestClaims = (host: string, spec: Parts & Pick<GuestSpec, 'leaving'>): string[] => [
  ...new Set([...held(host, spec).map(({ claim }) => claim), ...spec.leaving.map(({ claim }) => claim)]),
]

type Held = Omit<Leaving, 'generation'>

function held(host: string, { disks, nics }: Parts): Held[] {
  const ports = nics.flatMap(({ forwards }) =>
    forwards.filter(({ hostPort }) => hostPort !== 0).map((port) => portClaim(host, port)),
  )
  return [
    ...disks.map(({ volume, volumeName }) => ({ claim: `attach/${volume}`, volume, volumeName })),
    ...[...ports, ...addressClaims(nics)].map((claim) => ({ claim, volume: null, volumeName: null })),
  ]
}

/** What a guest may still have of what it was told before, once it is told these parts. */
export function leavingOf(guest: GuestDocument | null, parts: Parts): Leaving[] {
  if (guest === null) return []
  const host = guest.host ?? ''
  const wished = new Set(held(host, parts).map(({ claim }) => claim))
  const generation = guest.generation + 1
  const fresh = held(host, guest.spec).map((part) => ({ ...part, generation }))
  const before = new Map([...fresh, ...guest.spec.leaving].map((part) => [part.claim, part]))
  return [...before.values()].filter(({ claim }) => !wished.has(claim)).filter((part) => !isFree(guest, part))
}

const atRest: ReadonlySet<string> = new Set(['absent', 'stopped', 'crashed'])

/** Whether the host has told that the guest does without it, of a wish in which it was not. */
function isFree(guest: GuestDocument, part: Leaving): boolean {
  const { status, spec, generation } = guest
  // Told to be off, and off: whatever comes next is begun by a newer wish.
  const isDown = status.pid === null && atRest.has(status.phase)
  if (isDown && status.phase !== 'absent' && spec.power === 'off' && status.generation >= generation)
    return true
  if (status.generation < part.generation) return false
  if (isDown) return true
  const { running } = status
  if (status.pid === null || running === null) return false
  if (part.volume !== null) return running.disks?.includes(part.volume) === false
  const [what, network] = part.claim.split('/')
  // A NIC that the guest has not let go of may still use its address.
  if (what === 'address') return running.plugs?.some((plug) => plug.endsWith(` ${network}`)) === false
  return !status.forwards.some((port) => portClaim(guest.host ?? '', port) === part.claim)
}
