/** Memory: how much, from what kind of pages, in how many nodes, and what can be added while the guest runs. */

import type { JsonObject } from '#base/json.ts'
import type { Body } from '../../port.ts'
import { isMicrovm, object, place, virtio, type Part, type Start } from './part.ts'

const mib = 2 ** 20

/** Linux on x86-64 takes memory up by whole blocks of this size, or not at all. */
const blockMib = 128

/** Room for memory to grow while it runs, in whole blocks; null: none is wished. */
export function growthMib({ spec }: Body): number | null {
  const { memoryMaxMib } = spec.shape
  return memoryMaxMib !== null && memoryMaxMib > spec.memoryMib && spec.machineType !== 'microvm'
    ? Math.ceil((memoryMaxMib - spec.memoryMib) / blockMib) * blockMib
    : null
}

/** Processes beside QEMU see the guest's memory too. */
const isShared = ({ spec }: Body) => spec.shape.shares.length > 0

const needsBackend = ({ spec }: Body) =>
  spec.shape.shares.length > 0 || spec.shape.hugePages !== 'none' || spec.shape.numaNodes > 1

export function memory(start: Start): Part {
  const { body } = start
  const growth = growthMib(body)
  const most = growth === null ? '' : `,maxmem=${body.spec.memoryMib + growth}M`
  const size = ['-m', `size=${body.spec.memoryMib}M${most}`]
  return [...size, ...backends(start), ...nodes(start), ...grown(start)]
}

/** What the machine's own option must say of its memory. */
export const memoryOfMachine = ({ body }: Start) =>
  needsBackend(body) && body.spec.shape.numaNodes === 1 ? ',memory-backend=memory0' : ''

function backends({ body }: Start): Part {
  if (!needsBackend(body)) return []
  return shares(body).flatMap((sizeMib, n) => object({ id: `memory${n}`, ...backendOf(body, sizeMib) }))
}

/** Memory of each node, in even pieces of a huge page; the first takes what is left over. */
function shares({ spec }: Body): number[] {
  const { numaNodes } = spec.shape
  const grain = spec.shape.hugePages === '1GiB' ? 1024 : 2
  const each = Math.floor(spec.memoryMib / numaNodes / grain) * grain
  return Array.from({ length: numaNodes }, (_, n) =>
    n === 0 ? spec.memoryMib - each * (numaNodes - 1) : each,
  )
}

function backendOf(body: Body, sizeMib: number): JsonObject {
  const { hugePages } = body.spec.shape
  const common = { size: sizeMib * mib, share: isShared(body) }
  if (hugePages === 'none' && !isShared(body)) return { 'qom-type': 'memory-backend-ram', ...common }
  const pages =
    hugePages === 'none' ? {} : { hugetlb: true, hugetlbsize: hugePages === '1GiB' ? 2 ** 30 : 2 * mib }
  return { 'qom-type': 'memory-backend-memfd', ...common, ...pages }
}

/** Nodes take the processors in even runs, in their order. */
function nodes({ body }: Start): Part {
  const { numaNodes, cpusMax } = body.spec.shape
  if (numaNodes === 1) return []
  const most = Math.max(cpusMax ?? 0, body.spec.cpus)
  return Array.from({ length: numaNodes }, (_, n) => {
    const [first, after] = [Math.floor((n * most) / numaNodes), Math.floor(((n + 1) * most) / numaNodes)]
    const cpus = after > first ? `,cpus=${first}-${after - 1}` : ''
    return ['-numa', `node,nodeid=${n},memdev=memory${n}${cpus}`]
  }).flat()
}

/** The device by which memory comes and goes in small pieces (virtio-mem); nothing of it is taken before. */
function grown(start: Start): Part {
  const growth = growthMib(start.body)
  if (growth === null || isMicrovm(start)) return []
  return [
    ...object({ id: 'growth', ...backendOf(start.body, growth), reserve: false }),
    ...virtio(start, 'virtio-mem', place(0x16), { id: 'memory', memdev: 'growth' }),
  ]
}
