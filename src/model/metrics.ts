/**
 * The figures that are measured, each named once: of machines and hosts, and of their disks, NICs, stores.
 * A figure of a part carries the part's name before a dot: `disk0.readBytes`. What is unknown is absent.
 */

export type Unit =
  | 'cores'
  | 'share'
  | 'bytes'
  | 'bytes/s'
  | 'ops/s'
  | 'packets/s'
  | 'seconds'
  | 'requests'
  | 'load'

export type Figure = {
  readonly unit: Unit
  /** Whether the least and the most of a longer time are worth keeping beside the average. */
  readonly hasExtremes: boolean
  /** Name for Prometheus after `decant_machine_` and so on; one that ends in `_total` counts up. */
  readonly metric: string
  readonly help: string
}

const figure = (unit: Unit, metric: string, help: string, hasExtremes = true): Figure => ({
  unit,
  hasExtremes,
  metric,
  help,
})

export const machineFigures = {
  cpu: figure('cores', 'cpu_seconds_total', 'Processor time of the whole process'),
  vcpu: figure('share', 'vcpu_share', 'Share of the time that its virtual CPUs ran'),
  vcpuBusiest: figure('share', 'vcpu_busiest_share', 'The same of the busiest one of them'),
  steal: figure(
    'share',
    'steal_share',
    'Share of the time that its virtual CPUs waited for a CPU of the host',
  ),
  memory: figure('bytes', 'memory_bytes', 'Memory that the guest has now, the balloon taken off', false),
  memoryUsed: figure('bytes', 'memory_used_bytes', 'Memory in use, as the guest says'),
  memoryAvailable: figure(
    'bytes',
    'memory_available_bytes',
    'Memory that could still be used, as the guest says',
  ),
  ballooned: figure('bytes', 'ballooned_bytes', 'Memory that the balloon took from the guest', false),
  resident: figure('bytes', 'resident_bytes', 'Memory of the host that the process holds', false),
  proportional: figure(
    'bytes',
    'proportional_bytes',
    'The same, with shared pages divided by their sharers',
    false,
  ),
  hostSwapped: figure(
    'bytes',
    'host_swapped_bytes',
    'Memory of the process that the host swapped out',
    false,
  ),
  swapIn: figure('bytes/s', 'swap_in_bytes_total', 'What the guest read back from its swap'),
  swapOut: figure('bytes/s', 'swap_out_bytes_total', 'What the guest wrote to its swap'),
  majorFaults: figure('ops/s', 'major_faults_total', 'Page faults of the guest that had to read a disk'),
} as const satisfies Record<string, Figure>

export const diskFigures = {
  readBytes: figure('bytes/s', 'read_bytes_total', 'Bytes read'),
  writeBytes: figure('bytes/s', 'written_bytes_total', 'Bytes written'),
  readOps: figure('ops/s', 'reads_total', 'Reads'),
  writeOps: figure('ops/s', 'writes_total', 'Writes'),
  flushOps: figure('ops/s', 'flushes_total', 'Flushes', false),
  failedOps: figure('ops/s', 'failed_requests_total', 'Requests that failed', false),
  latency: figure('seconds', 'latency_seconds', 'Mean time of a request'),
  queue: figure('requests', 'queue', 'Mean number of requests under way'),
} as const satisfies Record<string, Figure>

/** As the guest sees it: received is what came to the guest. */
export const nicFigures = {
  receivedBytes: figure('bytes/s', 'received_bytes_total', 'Bytes received'),
  sentBytes: figure('bytes/s', 'sent_bytes_total', 'Bytes sent'),
  receivedPackets: figure('packets/s', 'received_packets_total', 'Packets received'),
  sentPackets: figure('packets/s', 'sent_packets_total', 'Packets sent'),
  dropped: figure('packets/s', 'dropped_packets_total', 'Packets dropped on the way to or from it'),
} as const satisfies Record<string, Figure>

export const hostFigures = {
  cpu: figure('share', 'cpu_share', 'Share of its CPUs that is busy'),
  steal: figure('share', 'steal_share', 'Share of its CPUs that its own hypervisor keeps from it'),
  ioWait: figure('share', 'io_wait_share', 'Share of its CPUs that idles while a disk is waited for'),
  load: figure('load', 'load', 'Load average of a minute', false),
  memory: figure('bytes', 'memory_bytes', 'Memory', false),
  memoryAvailable: figure('bytes', 'memory_available_bytes', 'Memory that could still be used'),
  swapUsed: figure('bytes', 'swap_used_bytes', 'Swap in use', false),
  swapIn: figure('bytes/s', 'swap_in_bytes_total', 'Read back from swap'),
  swapOut: figure('bytes/s', 'swap_out_bytes_total', 'Written to swap'),
  cpuPressure: figure('share', 'cpu_pressure_share', 'Share of the time in which somebody waited for a CPU'),
  memoryPressure: figure(
    'share',
    'memory_pressure_share',
    'Share of the time in which somebody waited for memory',
  ),
  ioPressure: figure('share', 'io_pressure_share', 'Share of the time in which somebody waited for a disk'),
} as const satisfies Record<string, Figure>

/** Of the block device under a datastore's folder. */
export const storeFigures = {
  readBytes: diskFigures.readBytes,
  writeBytes: diskFigures.writeBytes,
  readOps: diskFigures.readOps,
  writeOps: diskFigures.writeOps,
  latency: diskFigures.latency,
  busy: figure('share', 'busy_share', 'Share of the time in which a request was under way'),
} as const satisfies Record<string, Figure>

export type MachineFigure = keyof typeof machineFigures
export type DiskFigure = keyof typeof diskFigures
export type NicFigure = keyof typeof nicFigures
export type HostFigure = keyof typeof hostFigures
export type StoreFigure = keyof typeof storeFigures

/** Values by name, such as `cpu` or `disk0.latency`. */
export type Figures = Readonly<Record<string, number>>

export const measuredKinds = ['machine', 'host'] as const
export type MeasuredKind = (typeof measuredKinds)[number]
export type Subject = { readonly kind: MeasuredKind; readonly id: string }

/** One sample: means over `overMs` that ended at `atMs`. */
export type Sample = {
  readonly subject: Subject
  readonly atMs: number
  readonly overMs: number
  readonly figures: Figures
}

export type Part = 'disk' | 'nic' | 'store'
export type Known = Figure & {
  readonly figure: string
  readonly part: Part | null
  readonly partName: string
}

type Vocabulary = Readonly<Record<string, Figure>>
const partsOf: Readonly<Record<MeasuredKind, readonly (readonly [Part, RegExp, Vocabulary])[]>> = {
  machine: [
    ['disk', /^(disk|cdrom)\d{1,2}$/, diskFigures],
    ['nic', /^net\d{1,2}$/, nicFigures],
  ],
  host: [
    ['nic', /^nic:[\w.@-]{1,15}$/, nicFigures],
    ['store', /^store:[a-z0-9-]{1,63}$/, storeFigures],
  ],
}
const wholes: Readonly<Record<MeasuredKind, Vocabulary>> = { machine: machineFigures, host: hostFigures }

const own = (figures: Vocabulary, name: string) => (Object.hasOwn(figures, name) ? figures[name] : undefined)

const known = new Map<string, Known | undefined>()
/** Names asked after are few (parts are bounded), but strangers ask too. */
const knownAtMost = 10_000

/** What a name such as `disk0.latency` stands for; nothing when it is no figure of ours. */
export function figureNamed(kind: MeasuredKind, name: string): Known | undefined {
  const key = `${kind} ${name}`
  if (known.has(key)) return known.get(key)
  if (known.size >= knownAtMost) known.clear()
  const found = figureFor(kind, name)
  known.set(key, found)
  return found
}

function figureFor(kind: MeasuredKind, name: string): Known | undefined {
  const dot = name.lastIndexOf('.')
  const figure = name.slice(dot + 1)
  if (dot < 0) {
    const whole = own(wholes[kind], figure)
    return whole === undefined ? undefined : { ...whole, figure, part: null, partName: '' }
  }
  const partName = name.slice(0, dot)
  for (const [part, form, vocabulary] of partsOf[kind]) {
    const one = form.test(partName) ? own(vocabulary, figure) : undefined
    if (one !== undefined) return { ...one, figure, part, partName: partName.replace(/^\w+:/, '') }
  }
  return undefined
}

/** Names in the order in which people read them: the whole first, then part by part. */
export function orderedNames(kind: MeasuredKind, names: Iterable<string>): string[] {
  const order = Object.keys(wholes[kind])
  const rank = (name: string) => (name.includes('.') ? order.length : order.indexOf(name))
  const numbered = (name: string) => name.replaceAll(/\d+/g, (digits) => digits.padStart(3, '0'))
  return [...names].toSorted(
    (a, b) => rank(a) - rank(b) || (numbered(a) < numbered(b) ? -1 : Number(numbered(a) > numbered(b))),
  )
}
