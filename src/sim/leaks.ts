/** What is left behind: everything in the world and in the store that nobody owns (I-20), and doubles (I-26, I-27). */

import type { Document } from '#model/document.ts'
import { nameClaim } from '#model/reference.ts'
import { guestClaims } from '#kinds/machine/body.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { Wish } from '#program/agent/wishes.ts'
import type { Datacenter } from './datacenter.ts'
import type { SimHost } from './host.ts'
import { isTaken } from './settled.ts'

export function leaks(center: Datacenter): string[] {
  const store = storedIn(center)
  return [
    ...[...center.hosts.values()].flatMap((host) => hostLeaks(host, store, straysOn(center, host))),
    ...[...center.pool.volumes.keys()]
      .filter((id) => !store.has('volume', id))
      .map((id) => `volume ${id} on the pool`),
    ...[...center.pool.images.keys()]
      .filter((id) => !store.has('image', id))
      .map((id) => `image ${id} on the pool`),
    ...claimLeaks(center, store),
    ...shareLeaks(store),
  ]
}

type Stored = ReturnType<typeof storedIn>

function storedIn({ storeDisk }: Datacenter) {
  const of = (kind: string) =>
    [...(storeDisk.entries.get(kind)?.values() ?? [])].map(({ value }) => value as unknown as Document)
  return { has: (kind: string, id: string) => storeDisk.entries.get(kind)?.has(id) === true, of }
}

/** Guests that a lost store forgot and that nobody can take back: another has their disk or port by now (I-22). */
function straysOn(center: Datacenter, { name, notebook }: SimHost): ReadonlySet<string> {
  const wishes = notebook.keys('wish/guest').map((key) => notebook.get(key) as unknown as Wish)
  const strays = wishes.filter(({ isClaimed, document }) => !isClaimed && isTaken(center, name, document))
  return new Set(strays.map(({ document }) => document.id))
}

function hostLeaks(
  { name, world, disk, ports, notebook }: SimHost,
  store: Stored,
  strays: ReadonlySet<string>,
): string[] {
  const isKnown = (guest: string) => store.has('guest', guest) || strays.has(guest)
  const [guests, volumes] = [[...world.guests.keys()], [...disk.volumes.keys()]]
  const holders = [...ports.held].filter(([, holder]) => !isKnown(holder.split('/')[0] ?? ''))
  const notes = ['guest', 'ports'].flatMap((folder) => notebook.keys(folder))
  const wishes = notebook.keys('wish').filter((key) => {
    const [, kind = '', id = ''] = key.split('/')
    return kind === 'guest' ? !isKnown(id) : !store.has(kind, id)
  })
  return [
    ...guests.filter((id) => !isKnown(id)).map((id) => `guest ${id} on ${name}`),
    ...volumes.filter((id) => !store.has('volume', id)).map((id) => `volume ${id} on ${name}`),
    ...holders.map(([port, holder]) => `port ${port} of ${holder} on ${name}`),
    ...notes.filter((key) => !isKnown(key.split('/')[1] ?? '')).map((key) => `note ${key} on ${name}`),
    ...wishes.map((key) => `${key} on ${name}`),
  ]
}

function claimLeaks({ storeDisk }: Datacenter, store: Stored): string[] {
  const kinds = [...storeDisk.entries.keys()].filter((kind) => kind !== 'former')
  const all = kinds.flatMap((kind) => store.of(kind)).filter(({ name }) => typeof name === 'string')
  const named = all.map(({ kind, project, name, id }) => `${nameClaim(kind, project, name)} ${id}`)
  const held = (store.of('guest') as GuestDocument[]).flatMap(({ host, owner, spec }) =>
    guestClaims(host ?? '', spec).map((claim) => `${claim} ${owner}`),
  )
  const legal = new Set([...named, ...held])
  const claims = [...storeDisk.claims].map(([claim, holder]) => `${claim} ${holder}`)
  const missing = held.filter((claim) => !claims.includes(claim))
  return [
    ...claims.filter((claim) => !legal.has(claim)).map((claim) => `claim ${claim}`),
    ...missing.map((claim) => `nobody holds the claim ${claim}`),
  ]
}

function shareLeaks(store: Stored): string[] {
  const placed = store.of('machine').filter(({ host }) => host !== null)
  const shares = store
    .of('allocation')
    .flatMap(({ name, spec }) =>
      Object.keys((spec as { readonly shares: object }).shares).map((machine) => `${name}/${machine}`),
    )
  const wanted = placed.map(({ host, id }) => `${host}/${id}`)
  return [
    ...shares.filter((share) => !wanted.includes(share)).map((share) => `share ${share}`),
    ...wanted.filter((share) => !shares.includes(share)).map((share) => `machine without a share: ${share}`),
  ]
}
