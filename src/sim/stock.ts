/** What a simulated fleet starts with: hosts that answer and machines that run, as the planners would have made them. */

import { randomFrom, wholeFrom } from '#base/random.ts'
import type { Change } from '#drivers/store/port.ts'
import { host as hostKind, type HostDocument } from '#kinds/host/schema.ts'
import { image as imageKind, type ImageDocument } from '#kinds/image/schema.ts'
import { guest as guestKind, type GuestDocument } from '#kinds/guest/schema.ts'
import { guestClaims, guestSpecOf } from '#kinds/machine/body.ts'
import type { MachineObserved } from '#kinds/machine/observed.ts'
import { bootDiskName } from '#kinds/machine/parts.ts'
import { allocationOf } from '#kinds/machine/plan.ts'
import { reportMachine } from '#kinds/machine/report.ts'
import { machine as machineKind, type MachineDocument } from '#kinds/machine/schema.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import { volume as volumeKind, type VolumeDocument } from '#kinds/volume/schema.ts'
import { allocationDocument } from '#program/controller/allocations.ts'
import { created, documentOf, put, type Seed } from '#program/controller/documents.ts'
import type { FleetSize } from './fleet.ts'
import { guestStatusOf, hostFacts, hostName, imageFacts } from './light.ts'
import { idsFrom } from './seed.ts'

type Making = { readonly newId: () => string; readonly nowMs: number; readonly random: () => number }

const datastore = 'pool'
const sizes = [1024, 2048, 4096] as const

/** Everything as lists of changes, each at most so long and each whole in itself. */
export function* stocked(size: FleetSize, nowMs: number, most: number): Generator<Change[]> {
  let list: Change[] = []
  for (const changes of things(size, nowMs)) {
    if (list.length + changes.length > most) {
      yield list
      list = []
    }
    list = [...list, ...changes]
  }
  yield list
}

function* things({ hosts, machines }: FleetSize, nowMs: number): Generator<Change[]> {
  const random = randomFrom(hosts * 31 + machines)
  const making = { newId: idsFrom(random), nowMs, random }
  for (const seed of foundations) yield created(documentOf(seed, making))
  const network = documentOf(networkSeed, making) as NetworkDocument
  const image = imageOf(making)
  yield created(network)
  yield created(image)
  for (let at = 0; at < hosts; at++) {
    const count = Math.floor(((at + 1) * machines) / hosts) - Math.floor((at * machines) / hosts)
    const first = Math.floor((at * machines) / hosts)
    const bodies = Array.from({ length: count }, (_, more) =>
      bodyOf({ at: first + more, host: hostName(at), image, network }, making),
    )
    yield created(hostOf(at, bodies, making))
    yield [put(allocationDocument(hostName(at), sharesOf(bodies)), 0)]
    for (const { changes } of bodies) yield changes
  }
}

const foundations: readonly Seed[] = [
  { kind: 'project', name: 'default', spec: {}, description: 'Where things are when no project is named' },
  {
    kind: 'user',
    name: 'admin',
    spec: { displayName: 'Administrator', bindings: [{ project: '*', role: 'admin' }] },
    description: 'Signs in by one-time links that `decant login` makes on the machine itself',
  },
  { kind: 'datastore', name: datastore, spec: { isShared: true }, description: 'Simulated' },
]

const networkSeed: Seed = {
  kind: 'network',
  name: 'default',
  project: 'default',
  spec: { isShared: true },
  description: 'Simulated',
}

function imageOf(making: Making): ImageDocument {
  const spec = { source: 'starter', isShared: true, datastore }
  const seed = {
    kind: 'image',
    name: 'starter',
    project: 'default',
    spec,
    host: hostName(0),
    description: 'Simulated',
  }
  const status = { ...imageKind.status.parse({}), ...imageFacts, state: 'ready' as const }
  return { ...(documentOf(seed, making) as ImageDocument), status }
}

type Body = { readonly machine: MachineDocument; readonly changes: Change[] }
type At = {
  readonly at: number
  readonly host: string
  readonly image: ImageDocument
  readonly network: NetworkDocument
}

function hostOf(at: number, bodies: readonly Body[], making: Making): HostDocument {
  const shares = bodies.map(({ machine }) => allocationOf(machine.spec))
  const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0)
  const allocated = {
    machines: shares.length,
    cpus: sum(shares.map(({ cpus }) => cpus)),
    memoryMib: sum(shares.map(({ memoryMib }) => memoryMib)),
  }
  const seed = { kind: 'host', name: hostName(at), spec: {}, description: 'Simulated' }
  const document = documentOf(seed, making) as HostDocument
  const labels = { rack: `r${1 + Math.floor(at / 40)}`, site: `s${1 + Math.floor(at / 5000)}` }
  const state = { state: 'connected' as const, sinceMs: making.nowMs, allocated }
  return {
    ...document,
    labels,
    status: { ...hostKind.status.parse({}), ...hostFacts(document.name), ...state },
  }
}

/** One machine that runs: with its boot volume, its guest, and what it claims. */
function bodyOf({ at, host, image, network }: At, making: Making): Body {
  const memoryMib = sizes[wholeFrom(making.random, sizes.length)] ?? 1024
  const spec = machineKind.spec.parse({
    image: 'starter',
    datastore,
    cpus: 1 + wholeFrom(making.random, 4),
    memoryMib,
  })
  const name = `vm-${String(at + 1).padStart(5, '0')}`
  const seed = { kind: 'machine', name, project: 'default', spec, host, description: '' }
  const labels = { app: `app-${wholeFrom(making.random, 200)}`, tier: at % 10 === 0 ? 'front' : 'back' }
  const blank = { ...(documentOf(seed, making) as MachineDocument), labels }
  const bootVolume = volumeOf(blank, making)
  const seen = observed(blank, { image, network, bootVolume })
  const guest = guestOf({ ...seen, guest: null }, making)
  const machine = {
    ...blank,
    status: reportMachine(spec, { ...seen, guest }, { steps: [], holds: [] }, making.nowMs),
  }
  const claims = guestClaims(host, guest.spec)
  const changes = [
    ...created(machine),
    ...created(bootVolume),
    ...created(guest),
    ...claims.map((claim): Change => ({ op: 'claim', claim, holder: machine.id })),
  ]
  return { machine, changes }
}

const observed = (
  machine: MachineDocument,
  { image, network, bootVolume }: Pick<At, 'image' | 'network'> & { readonly bootVolume: VolumeDocument },
): MachineObserved => ({
  machine,
  hostSilentSince: null,
  image,
  bootVolume,
  disks: [],
  spare: [],
  volumeNames: [],
  media: [],
  networks: [network],
  groups: [],
  addresses: [],
  baseline: 'qemu64',
  source: null,
  returning: null,
  guest: null,
  allocated: allocationOf(machine.spec),
  room: null,
  candidates: [],
})

function volumeOf(
  { id, name, host, labels, project }: MachineDocument,
  { newId, nowMs }: Making,
): VolumeDocument {
  const spec = volumeKind.spec.parse({ datastore, image: 'starter', disk: bootDiskName })
  const seed = {
    kind: 'volume',
    name: `${name}-${id.slice(0, 8)}-boot`,
    project: project ?? '',
    spec,
    description: '',
  }
  const document = documentOf(
    { ...seed, ...(host === null ? {} : { host }) },
    { newId, nowMs },
  ) as VolumeDocument
  const bytes = imageFacts.virtualBytes
  const status = { ...document.status, state: 'ready' as const, sizeBytes: bytes, storedBytes: 196_608 }
  return { ...document, labels, owner: id, status }
}

function guestOf(seen: MachineObserved, { newId }: Making): GuestDocument {
  const { machine } = seen
  const spec = guestSpecOf(machine.spec, seen)
  const document = {
    ...machine,
    kind: 'guest',
    id: newId(),
    owner: machine.id,
    spec,
    status: guestKind.status.parse({}),
  }
  return { ...document, status: guestStatusOf(document) }
}

const sharesOf = (bodies: readonly Body[]) =>
  Object.fromEntries(bodies.map(({ machine }) => [machine.id, allocationOf(machine.spec)]))
