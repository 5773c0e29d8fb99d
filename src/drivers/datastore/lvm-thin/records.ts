/**
 * What each volume is made of, in a file each: read at start, written whole beside its name and renamed. A change takes
 * effect with its record; pieces that it brings or leaves are marked as passing before, and settled or removed after.
 */

import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Base, StoodOn, Strata } from '#drivers/ground/strata.ts'
import { isId } from './telling.ts'

const Id = z.uuid()
const NodeOn = z.discriminatedUnion('is', [
  z.strictObject({ is: z.literal('image'), image: Id }),
  z.strictObject({ is: z.literal('node'), volume: Id, node: Id }),
])
const Recorded = z.strictObject({
  version: z.literal(1),
  /** As wished; its pieces are rounded up. */
  sizeBytes: z.number().min(0),
  /** The image that it began with; it stays as long as the volume. */
  image: Id.nullable(),
  strata: z.strictObject({
    version: z.literal(1),
    top: Id.nullable(),
    nodes: z.record(
      Id,
      z.strictObject({
        format: z.enum(['qcow2', 'raw']),
        on: NodeOn.nullable(),
        key: z.string().max(64).nullable(),
      }),
    ),
    layers: z.record(Id, Id),
    next: z.strictObject({ snapshot: Id, node: Id }).nullable(),
    reverted: z.strictObject({ snapshot: Id, at: z.int() }).nullable(),
    isArriving: z.boolean(),
  }),
  /** Node → the piece that holds it. */
  pieces: z.record(Id, Id),
})

export type VolumeRecord = Omit<z.output<typeof Recorded>, 'strata'> & { readonly strata: Strata }

export class Records {
  readonly #folder: string
  readonly #records = new Map<string, VolumeRecord>()
  /** What is being made now and will stand on something: nobody may take that away meanwhile. */
  readonly #leaning = new Set<Base>()

  constructor(folder: string) {
    this.#folder = folder
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    for (const name of await readdir(this.#folder)) {
      const id = name.slice(0, -'.json'.length)
      if (name.endsWith('.new')) await rm(join(this.#folder, name), { force: true })
      else if (isId(id)) this.#records.set(id, await this.#read(name))
    }
  }

  get(volume: string): VolumeRecord | undefined {
    return this.#records.get(volume)
  }

  all(): ReadonlyMap<string, VolumeRecord> {
    return this.#records
  }

  /** Every piece that a record names. */
  named(): Set<string> {
    return new Set([...this.#records.values()].flatMap(({ pieces }) => Object.values(pieces)))
  }

  async put(volume: string, record: VolumeRecord): Promise<void> {
    const file = this.#fileOf(volume)
    {
      await using handle = await open(`${file}.new`, 'w', 0o600)
      await handle.writeFile(`${JSON.stringify(record, undefined, 2)}\n`)
      await handle.sync()
    }
    await rename(`${file}.new`, file)
    await this.#sync()
    this.#records.set(volume, record)
  }

  async remove(volume: string): Promise<void> {
    await rm(this.#fileOf(volume), { force: true })
    await this.#sync()
    this.#records.delete(volume)
  }

  isStoodOn(volume: string): StoodOn {
    return (node) => {
      const isHere = (on: Base | null) => on?.is === 'node' && on.volume === volume && on.node === node
      if ([...this.#leaning].some(isHere)) return true
      return [...this.#records].some(
        ([id, { strata }]) => id !== volume && Object.values(strata.nodes).some(({ on }) => isHere(on)),
      )
    }
  }

  userOf(image: string): string | undefined {
    return [...this.#records].find(([, record]) => record.image === image)?.[0]
  }

  async leaning<T>(on: Base | null, work: () => Promise<T>): Promise<T> {
    if (on === null) return await work()
    this.#leaning.add(on)
    return await work().finally(() => this.#leaning.delete(on))
  }

  #fileOf = (volume: string) => join(this.#folder, `${volume}.json`)

  async #read(name: string): Promise<VolumeRecord> {
    const text = await readFile(join(this.#folder, name), 'utf8')
    return Recorded.parse(JSON.parse(text)) as VolumeRecord
  }

  async #sync(): Promise<void> {
    await using handle = await open(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY)
    await handle.sync()
  }
}
