/** What keeps parts of a guest from running: disks, media, a kernel or a memory that are not here yet. */

import { reason, type Hold } from '#model/plan.ts'
import type { GuestDisk } from '#kinds/guest/parts.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Sight } from '#drivers/hypervisor/port.ts'
import { memoryFileOf } from './guest-body.ts'
import type { GuestRecords } from './guest-records.ts'
import { lyingIn } from './volumes.ts'
import type { Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

export type Waits = Readonly<Record<string, Hold>>
export type Media = Readonly<Record<string, string | null>>

type On = { readonly ports: AgentPorts; readonly wishes: Wishes; readonly records: GuestRecords }

/** Of a guest that is to start all parts are looked at, of one that runs those that it does not have. */
export async function waitsOf(on: On, id: string, spec: GuestSpec, sight: Sight): Promise<[Waits, Media]> {
  const isRunning = sight.process === 'running'
  const isStarting = sight.process === 'absent' && spec.power !== 'off' && spec.power !== 'gone'
  if (!isRunning && !isStarting) return [{}, {}]
  const waits: Record<string, Hold> = isStarting ? await startWaits(on, spec) : {}
  const has = new Set(isRunning ? (sight.running?.disks ?? []).map((disk) => disk.id) : [])
  for (const disk of spec.disks) {
    const wait = has.has(disk.id) ? null : await diskWait(on, id, disk)
    if (wait !== null) waits[`disk/${disk.id}`] = wait
  }
  for (const { id: nic, driver, network } of spec.nics)
    if (driver === 'bridge' && on.wishes.get('network', network) === undefined)
      waits[`nic/${nic}`] = reason('guest/network-not-told')
  const media: Record<string, string | null> = {}
  for (const { id: drive, image, datastore } of spec.cdroms) {
    const file = image === null ? null : await mediumOf(on.ports, datastore, image)
    if (file === undefined) waits[`cdrom/${drive}`] = reason('guest/image-not-ready')
    else media[drive] = file
  }
  return [waits, media]
}

async function startWaits({ ports }: On, spec: GuestSpec): Promise<Record<string, Hold>> {
  const waits: Record<string, Hold> = {}
  if (spec.kernelImage !== null) {
    const image = await ports.datastore(spec.kernelDatastore ?? '')?.observeImage(spec.kernelImage)
    if (image?.state !== 'ready') waits.kernel = reason('guest/image-not-ready')
  }
  const { memoryOf } = spec
  if (memoryOf !== null && memoryOf.boot === spec.boot && (await memoryFileOf(ports, spec)) === null)
    waits.memory = reason('guest/memory-missing', { snapshot: memoryOf.snapshot })
  return waits
}

async function diskWait({ ports, wishes, records }: On, id: string, disk: GuestDisk): Promise<Hold | null> {
  const { volume, volumeName, datastore, isReadOnly } = disk
  const lies = await lyingIn(ports, wishes, volume, datastore)
  const sight = await ports.datastore(lies ?? datastore)?.observe(volume)
  if (sight?.state !== 'ready') return reason('guest/volume-not-ready', { volume: volumeName })
  const wishedMib = wishes.get('volume', volume)?.document.spec.sizeMib
  if (typeof wishedMib === 'number' && wishedMib * 2 ** 20 > sight.sizeBytes)
    return reason('guest/volume-growing', { volume: volumeName })
  for (const holder of isReadOnly ? [] : records.holdersOf(volume)) {
    // The controller gives a volume to one machine only; a second look costs little (I-01).
    if (holder !== id && (await ports.hypervisor.observe(holder)).process !== 'absent')
      return reason('guest/volume-in-use', { volume: volumeName })
  }
  return null
}

/** The file of a medium; nothing while its image is not here. */
async function mediumOf(ports: AgentPorts, datastore: string, image: string): Promise<string | undefined> {
  const store = ports.datastore(datastore)
  if ((await store?.observeImage(image))?.state !== 'ready') return undefined
  return (await store?.imageFiles(image))?.disk ?? undefined
}
