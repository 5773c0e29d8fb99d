/** Contents that pass through the agent's door: those that come in to become images, and disks that are given out. */

import type { ByteChannel, Open } from '#drivers/link/port.ts'
import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import { Appliance } from '#kinds/image/parts.ts'
import { image as imageKind, sourceOf } from '#kinds/image/schema.ts'
import { limits } from '#model/limits.ts'
import { Problem, problemDocument } from '#model/problem.ts'
import { joined } from './joined.ts'
import { isInUse } from './storage.ts'
import type { Wishes } from './wishes.ts'
import type { Workshop } from './workshop.ts'
import type { AgentPorts } from './world.ts'

type ContentOpen = Extract<Open, { open: 'content' }>
type ExportOpen = Extract<Open, { open: 'export' }>

/** The image as it is wished here, and the datastore that it lies in. */
function imageAt({ datastore }: AgentPorts, wishes: Wishes, image: string) {
  const wish = wishes.get('image', image)
  if (wish === undefined) throw new Problem('image/content-missing', { name: image })
  const spec = imageKind.spec.parse(wish.document.spec)
  return { spec, name: wish.document.name, into: reached(datastore(spec.datastore), spec.datastore) }
}

function reached(found: Datastore | undefined, datastore: string): Datastore {
  if (found !== undefined) return found
  throw new Problem('datastore/failed', { datastore, why: 'this host does not reach it' })
}

export async function landed(ports: AgentPorts, wishes: Wishes, image: string): Promise<Uint8Array> {
  const { into } = imageAt(ports, wishes, image)
  return line({ receivedBytes: await ports.imageMaker.landed(image, into) })
}

/** Takes the bytes into the image, then answers one line of JSON: how it went, or the problem. */
export function receiveContent(
  ports: AgentPorts,
  { wishes, workshop }: { wishes: Wishes; workshop: Workshop },
  { image, bytes, offset, total }: ContentOpen,
): ByteChannel {
  const { spec, into, name } = imageAt(ports, wishes, image)
  if (sourceOf(spec) !== 'upload') throw new Problem('image/not-waiting', { name, state: 'made' })
  const [near, far] = joined()
  void answered(near, image, async () => {
    const outcome = await workshop.receive(image, into, near, { spec, bytes, offset, total })
    await near.write(line({ ok: true, isWhole: outcome === 'sealed' }))
  })
  return far
}

/** Exports under way on this host. */
const underWay = new WeakMap<AgentPorts, { count: number }>()

/** Answers one line of JSON and then the bytes, no faster than they are taken. */
export function giveOut(ports: AgentPorts, wishes: Wishes, open: ExportOpen): ByteChannel {
  const now = underWay.get(ports) ?? { count: 0 }
  underWay.set(ports, now)
  if (now.count >= limits.exportsPerHost)
    throw new Problem('request/too-many', { limit: limits.exportsPerHost, what: 'exports at one time' })
  now.count += 1
  const [near, far] = joined()
  const stop = new AbortController()
  // Nobody who has gone is owed a word.
  watched(near, stop).catch(() => {})
  void answered(near, open.ids[0] ?? '', () =>
    poured(ports, wishes, { open, near, signal: stop.signal }),
  ).finally(() => (now.count -= 1))
  return far
}

/** Nobody writes from over there: when reading ends, whoever wanted the bytes has gone. */
async function watched(near: ByteChannel, stop: AbortController) {
  try {
    for await (const _ of near.bytes);
  } finally {
    stop.abort(new Problem('link/lost', { peer: 'the reader' }))
  }
}

type Pouring = { readonly open: ExportOpen; readonly near: ByteChannel; readonly signal: AbortSignal }

async function poured(ports: AgentPorts, wishes: Wishes, { open, near, signal }: Pouring) {
  const { into, disks } = await disksOf(ports, wishes, open)
  const order = {
    disks,
    format: open.format,
    appliance: Appliance.parse(open.appliance),
    isImmutable: open.of === 'image',
  }
  const { bytes, content, close } = await ports.imageMaker.export(into, order, () => {}, signal)
  try {
    // Whoever began to write meanwhile has spoilt the copy.
    if (open.of === 'volume') await checkUnused(ports, wishes, open.ids)
    await near.write(line({ ok: true, bytes }))
    await streamed(content, near, signal)
  } finally {
    await close()
  }
}

/** After the first line nothing but bytes may come: what breaks off is shorter than it was said to be. */
async function streamed(content: AsyncIterable<Uint8Array>, near: ByteChannel, signal: AbortSignal) {
  try {
    for await (const piece of content) {
      signal.throwIfAborted()
      await near.write(piece)
    }
  } catch {
    near.close()
  }
}

async function disksOf(ports: AgentPorts, wishes: Wishes, { of, ids }: ExportOpen) {
  if (of === 'image') {
    const [image = ''] = ids
    const { into } = imageAt(ports, wishes, image)
    return { into, disks: [await imageDisk(into, image)] }
  }
  await checkUnused(ports, wishes, ids)
  const disks: DiskChain[] = []
  let into: Datastore | undefined
  for (const id of ids) {
    const document = wishes.get('volume', id)?.document
    if (document === undefined) throw new Problem('object/not-found', { kind: 'volume', name: id })
    const name = String(document.spec.datastore)
    const store = reached(ports.datastore(name), name)
    disks.push(await store.open(id, ports.imageMaker.reader))
    into ??= store
  }
  return { into: reached(into, '?'), disks }
}

async function imageDisk(into: Datastore, image: string): Promise<DiskChain> {
  const { state, format } = await into.observeImage(image)
  const { disk } = state === 'ready' ? await into.imageFiles(image) : { disk: null }
  if (disk === null) throw new Problem('image/content-missing', { name: image })
  return { file: disk, format: format === 'raw' ? 'raw' : 'qcow2', key: null, backing: [] }
}

async function checkUnused(ports: AgentPorts, wishes: Wishes, volumes: readonly string[]) {
  for (const id of volumes) {
    const name = wishes.get('volume', id)?.document.name ?? id
    if (await isInUse(ports, wishes, id)) throw new Problem('volume/busy', { volume: name })
  }
}

async function answered(near: ByteChannel, id: string, act: () => Promise<void>) {
  try {
    await act()
  } catch (fault) {
    const problem = fault instanceof Problem ? fault : new Problem('bug', { id }, { cause: fault })
    await near.write(line({ ok: false, problem: problemDocument(problem) })).catch(() => {})
  }
  near.end()
  // Whoever still sends hears that nothing more is taken.
  near.close()
}

const line = (words: object) => new TextEncoder().encode(`${JSON.stringify(words)}\n`)
