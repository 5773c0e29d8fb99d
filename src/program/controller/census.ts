/**
 * Who is on which network and in which group, counted from the guests' wishes and carried to the hosts that must
 * know: those with a guest there. Nothing of it is stored: after a restart it is counted again.
 */

import { same, type Json, type JsonObject } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import { limits } from '#model/limits.ts'
import { resolve } from '#model/reference.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { GroupCensus, NetworkCensus } from '#kinds/network/parts.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import type { SecurityGroupDocument } from '#kinds/security-group/schema.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import { edited } from './documents.ts'

/** Kinds of which hosts are told for the sake of their guests' NICs. */
const countedKinds = ['network', 'security-group'] as const
type Counted = (typeof countedKinds)[number]

/** Many changes become one word to each host: it is this late at most. */
const lateMs = 200
/** Counts for people are later. */
const shownMs = 1_000

export type Counting = { readonly kind: Counted; readonly id: string; readonly document: Json }

type Tell = (host: string, told: Counting) => void
type Forget = (host: string, kind: Counted, id: string) => void

export class Census {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #ownAddresses: () => readonly string[]
  /** What each host was told last, by host and `kind/id`. */
  readonly #told = new Map<string, Map<string, Json>>()
  readonly #due = new Set<string>()
  readonly #shown = new Set<string>()
  #tell: Tell = () => {}
  #forget: Forget = () => {}

  /** `ownAddresses`: where people and programs reach this controller. */
  constructor(replica: Replica, clock: Clock, ownAddresses: () => readonly string[] = () => []) {
    this.#replica = replica
    this.#ownAddresses = ownAddresses
    this.#clock = clock
    replica.onChange((seen) => {
      for (const change of seen) this.#take(change)
    })
  }

  /** The indexes that counting needs; call before the replica starts. */
  static index(replica: Replica) {
    const nics = (document: Document) => (document as GuestDocument).spec.nics
    replica.index('guests-on-host', 'guest', ({ host }) => (host === null ? [] : [host]))
    replica.index('guests-on-network', 'guest', (document) => [
      ...new Set(nics(document).map(({ network }) => network)),
    ])
    replica.index('guests-in-group', 'guest', (document) => [
      ...new Set(nics(document).flatMap(({ groups }) => groups)),
    ])
  }

  /** Where words to hosts go. */
  onNews(tell: Tell, forget: Forget) {
    this.#tell = tell
    this.#forget = forget
  }

  /** Everything that a host must know, told anew; it is remembered as told. */
  of(host: string): Counting[] {
    const counted = this.#count(host)
    this.#told.set(host, new Map(counted.map(({ kind, id, document }) => [`${kind}/${id}`, document])))
    return counted
  }

  #take({ kind, id, before, after }: Seen) {
    if (kind === 'guest') {
      if (!isNews(before, after)) return
      for (const stored of [before, after]) this.#concern(stored?.document as GuestDocument | undefined)
      const host = after?.document.host
      // A guest that comes with a network which its host does not know must not get there first.
      if (typeof host === 'string' && this.#lacks(host, after?.document as GuestDocument)) this.#send(host)
    }
    if (kind === 'host' && !same(addressesOf(before), addressesOf(after)))
      for (const host of this.#told.keys()) this.#later(host)
    if (kind === 'network' || kind === 'security-group') {
      if (before?.document.generation === after?.document.generation) return
      for (const host of this.#told.keys()) this.#later(host)
      this.#show(kind, id)
    }
  }

  #concern(guest: GuestDocument | undefined) {
    if (guest === undefined) return
    const networks = new Set(guest.spec.nics.map(({ network }) => network))
    const groups = new Set(guest.spec.nics.flatMap((nic) => nic.groups))
    if (guest.host !== null && networks.size > 0) this.#later(guest.host)
    for (const network of networks) {
      this.#show('network', network)
      for (const { document } of this.#guestsBy('guests-on-network', network))
        if (document.host !== null) this.#later(document.host)
    }
    // Whoever's rules mean its groups: few enough, and what did not change is not sent.
    if (groups.size > 0) for (const host of this.#told.keys()) this.#later(host)
    for (const group of groups) this.#show('security-group', group)
  }

  #lacks(host: string, { spec }: GuestDocument): boolean {
    const told = this.#told.get(host)
    return (
      told !== undefined &&
      spec.nics.some(
        ({ network, groups, driver }) =>
          driver === 'bridge' &&
          (!told.has(`network/${network}`) || groups.some((group) => !told.has(`security-group/${group}`))),
      )
    )
  }

  #later(host: string) {
    if (this.#due.has(host)) return
    this.#due.add(host)
    this.#clock.after(lateMs, () => {
      this.#due.delete(host)
      this.#send(host)
    })
  }

  /** Tells a host what differs from what it was told before. A host that never came is told when it comes. */
  #send(host: string) {
    const before = this.#told.get(host)
    if (before === undefined) return
    const counted = this.of(host)
    const now = new Set(counted.map(({ kind, id }) => `${kind}/${id}`))
    for (const each of counted)
      if (!same(before.get(`${each.kind}/${each.id}`), each.document)) this.#tell(host, each)
    for (const key of before.keys()) {
      const [kind = '', id = ''] = key.split('/')
      if (!now.has(key)) this.#forget(host, kind as Counted, id)
    }
  }

  #count(host: string): Counting[] {
    const nics = this.#guestsBy('guests-on-host', host)
      .flatMap(({ document }) => document.spec.nics)
      .filter(({ driver }) => driver === 'bridge')
    const networks = [...new Set(nics.map(({ network }) => network))].toSorted()
    const own = new Set(nics.flatMap(({ groups }) => groups))
    const meant = [...own].flatMap((id) => Object.values(this.#peers(id)))
    const groups = [...new Set([...own, ...meant.filter((id) => id !== null)])].toSorted()
    return [
      ...networks.flatMap((id) => this.#counting('network', id, () => this.#members(id, host))),
      ...groups.flatMap((id) => this.#counting('security-group', id, () => this.#group(id))),
    ]
  }

  #counting(kind: Counted, id: string, count: () => object): Counting[] {
    const stored = this.#replica.get(kind, id)
    if (stored === undefined) return []
    const { status: _, ...rest } = stored.document
    const resolved = kind === 'security-group' ? this.#peers(id) : {}
    const document = { ...(rest as unknown as JsonObject), resolved, census: count() as Json }
    return [{ kind, id, document }]
  }

  /** Groups that the rules of a group mean: by name as it stands there, the id. */
  #peers(id: string): Record<string, string | null> {
    const group = this.#replica.get('security-group', id)?.document as SecurityGroupDocument | undefined
    const find = (kind: string, project: string | null, name: string) =>
      this.#replica.find(kind, project, name)?.document
    const named = (group?.spec.rules ?? []).flatMap((rule) => rule.group ?? [])
    return Object.fromEntries(
      named.map((name) => [
        name,
        resolve(name, { kind: 'security-group', scope: 'project', project: group?.project ?? null, find })
          ?.id ?? null,
      ]),
    )
  }

  /** Those on the same host; all of them where the network is one over all hosts. */
  #members(id: string, host: string): NetworkCensus {
    const network = this.#replica.get('network', id)?.document as NetworkDocument | undefined
    const isWhole = network?.spec.mode === 'routed' || network?.spec.mode === 'bridged'
    const members = this.#guestsBy('guests-on-network', id)
      .filter(({ document }) => isWhole || document.host === host)
      .flatMap(({ document }) =>
        document.spec.nics
          .filter((nic) => nic.network === id)
          .map(({ mac, address4, address6 }) => ({
            name: nameOf(document, network),
            mac,
            address4,
            address6,
          })),
      )
    return {
      members: members.toSorted(byMac).slice(0, limits.membersPerNetwork),
      guarded: this.#guarded(),
    }
  }

  #guarded(): string[] {
    const ofHosts = [...this.#replica.all('host')].flatMap(addressesOf)
    return [...new Set([...this.#ownAddresses(), ...ofHosts])].slice(0, limits.guardedAddresses).toSorted()
  }

  #group(id: string): GroupCensus {
    const nics = this.#guestsBy('guests-in-group', id)
      .flatMap(({ document }) => document.spec.nics)
      .filter(({ groups, driver }) => driver === 'bridge' && groups.includes(id))
      .toSorted(byMac)
      .slice(0, limits.membersPerNetwork)
    return {
      members4: nics.flatMap(({ address4 }) => address4 ?? []),
      members6: nics.flatMap(({ address6 }) => address6 ?? []),
      membersMac: nics.map(({ mac }) => mac),
    }
  }

  #guestsBy(index: string, key: string): Stored<GuestDocument>[] {
    return this.#replica.by(index, key) as unknown as Stored<GuestDocument>[]
  }

  /** Writes into a network or group how many are in it, for people. */
  #show(kind: Counted, id: string) {
    const key = `${kind}/${id}`
    if (this.#shown.has(key)) return
    this.#shown.add(key)
    this.#clock.after(shownMs, () => {
      this.#shown.delete(key)
      void this.#write(kind, id).catch(() => this.#show(kind, id))
    })
  }

  async #write(kind: Counted, id: string) {
    const index = kind === 'network' ? 'guests-on-network' : 'guests-in-group'
    const members = this.#guestsBy(index, id)
      // Those of other projects are not for everybody who sees a shared network (I-42).
      .filter(({ document }) => document.project === this.#replica.get(kind, id)?.document.project)
      .flatMap(({ document }) => document.spec.nics)
      .filter(({ network, groups }) => (kind === 'network' ? network === id : groups.includes(id))).length
    await edited(this.#replica, { kind, id }, (document) => ({
      ...document,
      status: { ...(document.status as object), members },
    }))
  }
}

const byMac = (a: { readonly mac: string }, b: { readonly mac: string }) => (a.mac < b.mac ? -1 : 1)

const addressesOf = (stored: Stored | undefined): readonly string[] =>
  (stored?.document as HostDocument | undefined)?.status.addresses ?? []

/** A machine of another project than the network's is named with its project: two may be called the same. */
const nameOf = ({ spec, project }: GuestDocument, network: NetworkDocument | undefined) =>
  project === network?.project ? spec.machineName : `${spec.machineName}.${project}`

/** Whether what a guest is told of its NICs changed, or where it is. */
const isNews = (before: Stored | undefined, after: Stored | undefined) => {
  const [was, is] = [
    before?.document as GuestDocument | undefined,
    after?.document as GuestDocument | undefined,
  ]
  return was?.host !== is?.host || !same(was?.spec.nics, is?.spec.nics)
}
