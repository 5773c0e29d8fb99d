/**
 * Networks by the host's own kernel: a bridge for each network, a tap for each NIC, rules in two nftables tables, one
 * dnsmasq for each network. Everything is `settle`: it looks, makes what lacks, takes away what it made and nobody
 * wishes any more; killed anywhere, the next one finds the way (I-20).
 */

import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { BlockList } from 'node:net'
import { join } from 'node:path'
import type { HostBridge, HostNetworks, HostPort } from '#kinds/network/parts.ts'
import { Problem } from '#model/problem.ts'
import { noNetworks, type HostNetworking, type Settled, type Trouble } from '../port.ts'
import { droppingChains } from './firewalls.ts'
import {
  batch,
  bridgeLines,
  joinLines,
  joinUplink,
  namesIn,
  placeLine,
  portLines,
  readLinks,
} from './links.ts'
import type { Link, PortKind } from './links.ts'
import { Made } from './made.ts'
import { nameServersIn } from './naming/resolvers.ts'
import { Naming } from './naming/server.ts'
import { setPaces } from './pace.ts'
import { filterSheet } from './rules/filter.ts'
import { guardSheet } from './rules/guard.ts'
import { RuleTables } from './rules/tables.ts'
import { ensureBridgeRules, hasBridgeRules, switchBack, turnSwitches } from './switches.ts'
import { toolsIn, type Tools } from './tools.ts'

export type BridgeOptions = {
  /** Where notes and the files of dnsmasq lie; absolute. */
  readonly folder: string
  /** Name of the nftables tables: tells this Decant from others on the host. */
  readonly table: string
  /** Words before every program, to work in another network namespace. */
  readonly prefix?: readonly string[]
  readonly ports?: PortKind
  /** Whose servers are asked for names of the world. */
  readonly resolvFile?: string
  readonly log?: (line: string) => void
  /** For tests: called before each part of settling. */
  readonly before?: (part: string) => void
}

export const openBridges = (options: BridgeOptions): HostNetworking => new Bridges(options)

/** Programs that are needed, with words at which they do nothing. */
const programs: readonly (readonly [program: string, argv: readonly string[], from: string])[] = [
  ['ip', ['-V'], 'iproute2'],
  ['bridge', ['-V'], 'iproute2'],
  ['tc', ['-V'], 'iproute2'],
  ['nft', ['--version'], 'nftables'],
  ['dnsmasq', ['--version'], 'dnsmasq-base'],
  ['setpriv', ['--version'], 'util-linux'],
]

const vlanOf = ({ interface: name }: HostBridge) => name.replace(/^(dc....)b/, '$1v')

class Bridges implements HostNetworking {
  readonly name = 'bridge'
  readonly #options: BridgeOptions
  readonly #resolvFile: string
  readonly #tools: Tools
  readonly #made: Made
  readonly #naming: Naming
  readonly #tables: RuleTables
  readonly #paces = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  #isUsable = false
  #placed = new Set<string>()
  #carried: readonly HostBridge[] = []
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: BridgeOptions) {
    const { folder, prefix = [], table, resolvFile = '/etc/resolv.conf', log = () => {} } = options
    this.#resolvFile = resolvFile
    mkdirSync(folder, { recursive: true, mode: 0o711 })
    this.#options = options
    this.#tools = toolsIn(prefix)
    this.#made = new Made(folder, bootId())
    this.#tables = new RuleTables(this.#tools, table)
    this.#naming = new Naming(join(folder, 'names'), this.#tools, {
      resolvFile,
      log,
      onEnd: () => this.#listeners.forEach((call) => call()),
    })
  }

  onDrift(call: () => void) {
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  async lack(): Promise<string | null> {
    if (this.#isUsable) return null
    if (process.getuid?.() !== 0) return 'Decant does not run as root'
    for (const [program, argv, from] of programs) {
      const { status } = await this.#tools.run(program, argv)
      if (status === 127) return `${program} (Debian package ${from}) is not installed`
    }
    if (!(await hasBridgeRules(this.#tools))) return 'the kernel has no br_netfilter'
    this.#isUsable = true
    return null
  }

  settle(world: HostNetworks): Promise<Settled> {
    const settled = this.#turn.then(() => this.#settle(world))
    this.#turn = settled.catch(() => undefined)
    return settled
  }

  async troubles(): Promise<readonly Trouble[]> {
    const carried = this.#carried
    const [first] = carried
    if (first === undefined) return []
    const down = this.#naming.troubles()
    const interfaces = first.interface.slice(0, 6)
    const chains = await droppingChains(this.#tools, this.#options.table, interfaces)
    const chain = chains.join(', ')
    return carried.flatMap(({ network, isFiltered }): Trouble[] => {
      const why = down.get(network)
      return [
        ...(why === undefined ? [] : [{ network, code: 'network/names-down' as const, facts: { why } }]),
        ...(chain === '' || !isFiltered
          ? []
          : [
              {
                network,
                code: 'network/forward-refused' as const,
                facts: { chain, interfaces: `${interfaces}+` },
              },
            ]),
      ]
    })
  }

  clear(): Promise<void> {
    const cleared = this.#turn.then(() => this.#clear())
    this.#turn = cleared.catch(() => undefined)
    return cleared
  }

  async #settle(world: HostNetworks): Promise<Settled> {
    const isIdle = world.bridges.length === 0 && this.#made.interfaces.length === 0
    if (isIdle && !this.#tables.areLoaded) return { refusals: new Map() }
    const lack = (await this.lack()) ?? (await this.#unready(world))
    if (lack !== null) throw new Problem('network/driver-unusable', { driver: 'bridge', why: lack })
    const links = await readLinks(this.#tools)
    const refusals = this.#strangers(world, links)
    this.#before('note')
    this.#made.willMake(namesIn(without(world, refusals), vlanOf))
    this.#before('make')
    let isMade = false
    for (const bridge of without(world, refusals).bridges) {
      const made = await this.#make(bridge, world, links).catch(asProblem)
      if (made instanceof Problem) refusals.set(bridge.network, made)
      isMade ||= made !== false
    }
    this.#before('switches')
    await turnSwitches(this.#tools, this.#made, without(world, refusals))
    this.#before('rules')
    await this.#rule(world, links, isMade)
    this.#before('join')
    await this.#join(without(world, refusals), links)
    this.#before('names')
    this.#carried = without(world, refusals).bridges
    await this.#naming.settle(this.#carried)
    this.#before('remove')
    await this.#remove(namesIn(world, vlanOf))
    if (world.bridges.length === 0) await this.#clear()
    return { refusals }
  }

  async #unready({ bridges }: HostNetworks): Promise<string | null> {
    if (!bridges.some(({ isFiltered }) => isFiltered)) return null
    return (await ensureBridgeRules(this.#tools)) ? null : 'the kernel does not load br_netfilter'
  }

  /** Networks that are not made: what is there under their names is not ours, or their addresses are taken. */
  #strangers({ bridges, ports }: HostNetworks, links: ReadonlyMap<string, Link>): Map<string, Problem> {
    const refusals = new Map<string, Problem>()
    const ours = new Set(this.#made.interfaces)
    const servers = nameServersIn(this.#resolvFile)
    const isThere = ({ interface: name }: HostBridge) => links.has(name)
    // Whoever comes later never takes the addresses of a network that stands.
    const inOrder = [...bridges.filter(isThere), ...bridges.filter((bridge) => !isThere(bridge))]
    const taken: HostBridge[] = []
    for (const bridge of inOrder) {
      const names = [bridge.interface, ...portsOf(bridge, ports).map((port) => port.interface)]
      const strange = names.find((name) => links.has(name) && !ours.has(name))
      const others = [...links.values()].filter(({ name }) => !name.startsWith(bridge.interface.slice(0, 6)))
      const problem =
        strange === undefined
          ? overlapOf(bridge, taken, {
              others,
              servers: isThere(bridge) ? [] : servers,
            })
          : new Problem('network/name-taken', { interface: strange })
      if (problem !== undefined) refusals.set(bridge.network, problem)
      else taken.push(bridge)
    }
    return refusals
  }

  async #make(bridge: HostBridge, world: HostNetworks, links: ReadonlyMap<string, Link>): Promise<boolean> {
    const kind = this.#options.ports ?? 'tap'
    const lines = [
      ...bridgeLines(bridge, links.get(bridge.interface)),
      ...portsOf(bridge, world.ports).flatMap((port) => portLines(port, links.get(port.interface), kind)),
    ]
    await batch(this.#tools, 'ip', lines)
    await joinUplink(this.#tools, bridge, links, vlanOf(bridge))
    return lines.length > 0
  }

  /** Loads the rules for all that stands on the host, also for what could not be finished. */
  async #rule(world: HostNetworks, before: ReadonlyMap<string, Link>, isMade: boolean) {
    const links = isMade ? await readLinks(this.#tools) : before
    const standing = {
      ...world,
      bridges: world.bridges.filter((bridge) => links.has(bridge.interface)),
      ports: world.ports.filter((port) => links.has(port.interface)),
    }
    const { table } = this.#options
    const isNew = standing.ports.some((port) => !before.has(port.interface))
    await this.#tables.load([guardSheet(table, standing), filterSheet(table, standing)], isNew)
  }

  async #join(world: HostNetworks, links: ReadonlyMap<string, Link>) {
    const lines = world.ports.flatMap((port) => joinLines(port, links.get(port.interface)))
    await batch(this.#tools, 'ip', lines)
    const guarded = world.ports.filter(({ isFiltered }) => isFiltered)
    const fresh = guarded.filter((port) => !links.has(port.interface) || !this.#placed.has(placeLine(port)))
    await batch(this.#tools, 'bridge', fresh.map(placeLine))
    this.#placed = new Set(guarded.map(placeLine))
    await setPaces(this.#tools, world.ports, { links, known: this.#paces })
  }

  /** What was made once and is not wished any more. */
  async #remove(wanted: readonly string[]) {
    const left = this.#made.interfaces.filter((name) => !wanted.includes(name))
    if (left.length === 0) return
    const links = await readLinks(this.#tools)
    const there = left.filter((name) => links.has(name))
    await batch(
      this.#tools,
      'ip',
      there.map((name) => `link del dev ${name}`),
    )
    for (const name of left) this.#paces.delete(name)
    this.#made.removed(left)
  }

  async #clear() {
    this.#carried = []
    await this.#naming.settle([])
    const isThere = (await this.#tools.run('nft', ['--version'])).status === 0
    if (isThere && process.getuid?.() === 0) await this.#tables.drop()
    if (this.#made.interfaces.length > 0) await this.#remove([])
    await switchBack(this.#tools, this.#made)
    this.#placed.clear()
    rmSync(join(this.#options.folder, 'names'), { recursive: true, force: true })
  }

  #before(part: string) {
    this.#options.before?.(part)
  }
}

const portsOf = (bridge: HostBridge, ports: readonly HostPort[]) =>
  ports.filter((port) => port.bridge === bridge.interface)

function without(world: HostNetworks, refusals: ReadonlyMap<string, Problem>): HostNetworks {
  if (refusals.size === 0) return world
  const bridges = world.bridges.filter(({ network }) => !refusals.has(network))
  if (bridges.length === 0) return noNetworks
  const names = new Set(bridges.map((bridge) => bridge.interface))
  return { ...world, bridges, ports: world.ports.filter(({ bridge }) => names.has(bridge)) }
}

/** An address that this host has already, on another network or an interface of its own, or where it asks for names. */
function overlapOf(
  bridge: HostBridge,
  standing: readonly HostBridge[],
  { others, servers }: { readonly others: readonly Link[]; readonly servers: readonly string[] },
): Problem | undefined {
  for (const which of ['gateway4', 'gateway6'] as const) {
    const subnet = bridge[which]?.subnet
    if (subnet === undefined) continue
    const taken = [
      ...standing.flatMap((other) => other[which]?.subnet ?? []),
      ...others.flatMap(({ addresses }) => addresses),
      ...servers,
    ]
    const other = taken.find((each) => areOverlapping(each, subnet))
    if (other !== undefined) return new Problem('network/subnet-overlap', { subnet, other })
  }
  return undefined
}

function areOverlapping(a: string, b: string): boolean {
  const family = (text: string) => (text.includes(':') ? 'ipv6' : 'ipv4')
  if (family(a) !== family(b)) return false
  const holds = (outer: string, inner: string) => {
    const [address = '', prefix = ''] = outer.split('/')
    const list = new BlockList()
    list.addSubnet(address, Number(prefix), family(outer))
    return list.check(inner.split('/')[0] ?? '', family(inner))
  }
  return holds(a, b) || holds(b, a)
}

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  throw error
}

/** New at each boot of the host. */
const bootId = () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
