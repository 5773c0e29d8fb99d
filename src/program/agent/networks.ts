/**
 * The networks of a host: what its guests are plugged into is noted, and all that follows from it and from the
 * documents is settled as one. To the guests' loop it is one network driver like any other.
 */

import { isObject, same, type Json } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { reason, type Hold } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import { instanceOf, portName } from '#engines/filtering/names.ts'
import { guardedIn, worldOf, type Plugged, type ToldNetwork } from '#engines/filtering/world.ts'
import type { ToldGroup } from '#engines/filtering/allow.ts'
import { GuestNic } from '#kinds/guest/parts.ts'
import type { GroupCensus, NetworkCensus } from '#kinds/network/parts.ts'
import { network as networkKind } from '#kinds/network/schema.ts'
import { securityGroup } from '#kinds/security-group/schema.ts'
import type { Plug, Wall } from '#drivers/hypervisor/port.ts'
import type { HostNetworking, Network, Settled } from '#drivers/network/port.ts'
import type { HostStatus } from '#kinds/host/schema.ts'
import { WorkQueue } from '#runtime/queue.ts'
import type { Wished, Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

type Nic = Parameters<Network['plug']>[1]
type Before = Parameters<Network['plug']>[2]
type Ports = Pick<AgentPorts, 'network' | 'networking' | 'notebook' | 'hypervisor' | 'clock' | 'log'>

/** Kinds of which a host is told for the sake of its guests' NICs. */
export const networkKinds = ['network', 'security-group'] as const

/** How often it is looked whether all is still as it was settled. */
const tendMs = 10_000

/** A NIC that was made ready, with real ports; and the forwards that were asked for then. */
type Noted = {
  readonly guest: string
  readonly uid: number | null
  readonly nic: GuestNic
  readonly asked: GuestNic['forwards']
}

/** One note for each NIC: two that come at once write two. */
const keyOf = (guest: string, nic: string) => `plugs/${guest}-${nic}`

export class HostNets implements Network {
  readonly name = 'host'
  /** Settles; its one key is `host`. */
  readonly queue: WorkQueue
  readonly #ports: Ports
  readonly #wishes: Wishes
  readonly #host: string
  readonly #listeners = new Set<(networks: ReadonlySet<string>) => void>()
  #troubles: HostStatus['networkTroubles'] = []
  #unwatch = () => {}

  /** `host`: how the pool calls this host. */
  constructor(ports: Ports, wishes: Wishes, host = '') {
    this.#ports = ports
    this.#host = host
    this.#wishes = wishes
    this.queue = new WorkQueue({
      clock: ports.clock,
      work: async () => await this.#tend(),
      onFault: (_, fault) => ports.log(`networks: ${story(fault)}`),
    })
  }

  /** Takes up what an earlier agent left. */
  begin() {
    const wake = () => this.queue.wake('host')
    this.#unwatch = this.#ports.networking?.driver.onDrift(wake) ?? (() => {})
    wake()
  }

  end() {
    this.#unwatch()
  }

  /** What keeps networks from working as they should here. */
  troubles(): HostStatus['networkTroubles'] {
    return this.#troubles
  }

  /** The same of the networks of one guest. */
  holdsOf(nics: readonly Pick<Nic, 'network'>[]): Hold[] {
    const own = new Set(nics.map(({ network }) => network))
    return this.#troubles.filter(({ network }) => own.has(network)).map(({ hold }) => hold)
  }

  /** Calls with the networks of which something else is to be said than before. */
  onNews(call: (networks: ReadonlySet<string>) => void) {
    this.#listeners.add(call)
  }

  /** Whether guests of bridge networks here are kept from posing as others, and from the host. */
  async wall(): Promise<readonly Wall[]> {
    const { networking } = this.#ports
    if (networking === undefined) return []
    const lack = await networking.driver.lack()
    const closed =
      'on bridge networks a guest sends only as itself, and of this host reaches addresses and names alone'
    return [{ name: 'bridge-networks', holds: lack === null, why: lack ?? closed }]
  }

  async plug(guest: string, nic: Nic, before: Before): Promise<Plug> {
    if (nic.driver === 'user') return await this.#ports.network.plug(guest, nic, before)
    const { driver, place } = this.#networking()
    if (this.#wishes.get('network', nic.network) === undefined)
      throw new Problem('network/not-told', { network: nic.network })
    const { forwards } = await this.#ports.network.plug(guest, nic, before)
    const uid = (await this.#ports.hypervisor.uidOf(guest)) ?? null
    await this.#note({ guest, uid, nic: { ...nic, forwards: [...forwards] }, asked: nic.forwards })
    const refusal = (await this.#settle(driver)).refusals.get(nic.network)
    if (refusal !== undefined) throw refusal
    const { id, mac, model, mtu, isLinkUp } = nic
    const name = portName(instanceOf(place), guest, nic.id)
    this.queue.wake('host')
    return { id, mac, model, mtu, isLinkUp, forwards: [...forwards], driver: 'tap', interface: name }
  }

  async unplug(guest: string, nic: string): Promise<void> {
    await this.#ports.network.unplug(guest, nic)
    if (this.#ports.notebook.get(keyOf(guest, nic)) === undefined) return
    await this.#ports.notebook.remove(keyOf(guest, nic))
    // The guest is gone already: what is left of its NIC goes with the next round, if not now.
    this.queue.wake('host')
  }

  #networking() {
    const { networking } = this.#ports
    if (networking === undefined)
      throw new Problem('network/driver-unusable', { driver: 'bridge', why: 'this host has no such driver' })
    return networking
  }

  async #tend() {
    const { networking } = this.#ports
    if (networking === undefined) return {}
    await this.#leadAnew()
    const { refusals } = await this.#settle(networking.driver)
    await this.#take(networking.driver, refusals)
    await this.#forget()
    return this.#plugged().length === 0 ? {} : { againMs: tendMs }
  }

  async #take(driver: HostNetworking, refusals: Settled['refusals']) {
    const wrong = [
      ...[...refusals].map(([network, refusal]) => ({
        network,
        code: 'network/not-carried' as const,
        facts: { why: story(refusal).slice(0, 400) },
      })),
      ...(await driver.troubles()),
    ]
    const before = this.#troubles
    this.#troubles = wrong.slice(0, limits.troublesPerHost).map(({ network, code, facts }) => {
      const name = this.#wishes.get('network', network)?.document.name ?? network
      return { network, hold: reason(code, { ...facts, network: name, host: this.#host }) }
    })
    const isSaid = (said: typeof before, one: (typeof before)[number]) => said.some((each) => same(each, one))
    const news = [
      ...this.#troubles.filter((one) => !isSaid(before, one)),
      ...before.filter((one) => !isSaid(this.#troubles, one)),
    ]
    if (news.length === 0) return
    for (const { hold } of this.#troubles)
      if (!before.some((one) => same(one.hold, hold)))
        this.#ports.log(`${hold.code}: ${JSON.stringify(hold.facts)}`)
    for (const call of this.#listeners) call(new Set(news.map(({ network }) => network)))
  }

  /** Forwards that are wished otherwise than when the NIC was plugged get their ports now: no guest need start anew. */
  async #leadAnew() {
    for (const noted of this.#notes()) {
      const { guest, nic } = noted
      const asked = this.#wished(guest, nic)?.forwards
      if (asked === undefined || same(asked, noted.asked)) continue
      await this.#ports.network.plug(guest, { ...nic, forwards: asked }, nic.forwards).then(
        ({ forwards }) => this.#note({ ...noted, nic: { ...nic, forwards: [...forwards] }, asked }),
        (fault: unknown) => this.#ports.log(`forwards of guest ${guest}: ${story(fault)}`),
      )
    }
  }

  /** The same NIC as it is wished now. */
  #wished(guest: string, nic: GuestNic): Nic | undefined {
    const spec = this.#wishes.get('guest', guest)?.document.spec
    const nics = Array.isArray(spec?.nics) ? (spec.nics as readonly Nic[]) : []
    return nics.find(({ id, mac, network }) => id === nic.id && mac === nic.mac && network === nic.network)
  }

  #settle(driver: HostNetworking): Promise<Settled> {
    const told = this.#wishes.of('network').map(({ document }) => document)
    const guarded = [...new Set(told.flatMap(guardedOf))]
    return driver.settle(
      worldOf({
        instance: instanceOf(this.#networking().place),
        networks: told.map(networkFrom),
        groups: this.#wishes.of('security-group').map(({ document }) => groupFrom(document)),
        plugged: this.#plugged(),
        guarded4: guardedIn(guarded, 4),
        guarded6: guardedIn(guarded, 6),
      }),
    )
  }

  /** What is plugged, each as it is wished now; a NIC that is wished no more stays as it was until it is unplugged. */
  #plugged(): Plugged[] {
    return this.#notes().map(({ guest, uid, nic }) => {
      const now = this.#wished(guest, nic)
      return { guest, uid, nic: { ...GuestNic.parse(now ?? nic), forwards: nic.forwards } }
    })
  }

  #notes(): Noted[] {
    const { notebook } = this.#ports
    return notebook.keys('plugs').flatMap((key) => {
      const note = notebook.get(key)
      return isObject(note) ? [note as unknown as Noted] : []
    })
  }

  async #note(noted: Noted) {
    await this.#ports.notebook.put(keyOf(noted.guest, noted.nic.id), noted as unknown as Json)
  }

  /** Plugs of guests that are no more, and what the store no longer tells of and nobody here is plugged into. */
  async #forget() {
    const standing = new Set(await this.#ports.hypervisor.list())
    for (const { guest, nic } of this.#notes()) {
      if (!standing.has(guest) && this.#wishes.get('guest', guest) === undefined)
        await this.#ports.notebook.remove(keyOf(guest, nic.id))
    }
    const used = new Set(this.#plugged().flatMap(({ nic }) => [nic.network, ...nic.groups]))
    for (const kind of networkKinds) {
      for (const { document, isClaimed } of this.#wishes.of(kind))
        if (!isClaimed && !used.has(document.id)) await this.#wishes.discard(kind, document.id)
    }
  }
}

function networkFrom({ id, name, spec, census }: Wished): ToldNetwork {
  const { members = [] } = (census ?? {}) as Partial<NetworkCensus>
  return { id, name, spec: networkKind.spec.parse(spec), members }
}

/** An agent of before kept no such list. */
const guardedOf = ({ census }: Wished): readonly string[] =>
  (census as Partial<NetworkCensus> | undefined)?.guarded ?? []

function groupFrom({ id, spec, census, resolved = {} }: Wished): ToldGroup {
  const { members4 = [], members6 = [], membersMac = [] } = (census ?? {}) as Partial<GroupCensus>
  return { id, spec: securityGroup.spec.parse(spec), resolved, members4, members6, membersMac }
}
