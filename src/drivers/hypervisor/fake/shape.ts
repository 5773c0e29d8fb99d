/** What a fake guest consists of while it runs, and what its disks hold: small words by place. */

import type { FileLayer, Body, DiskFile, Medium, Plug, Running } from '../port.ts'

export type FakeDisk = {
  readonly id: string
  /** The top first, then what it stands on. */
  chain: FileLayer[]
  sizeBytes: number
  iops: number | null
  mibPerSecond: number | null
}

export type FakeNic = { readonly plug: Plug; isLinkUp: boolean }

export type FakeShape = {
  cpus: number
  memoryMib: number
  balloonMib: number | null
  disks: FakeDisk[]
  nics: FakeNic[]
  cdroms: Medium[]
  /** Parts that it was begun with, so many and the spare ones are all that it can have. */
  readonly begunWith: number
}

const gibibyte = 2 ** 30

export const fakeDisk = (disk: DiskFile, sizeBytes: number | undefined): FakeDisk => ({
  id: disk.id,
  chain: [{ file: disk.file, format: disk.format, key: disk.key }, ...disk.backing],
  sizeBytes: sizeBytes ?? gibibyte,
  iops: disk.iops,
  mibPerSecond: disk.mibPerSecond,
})

export const fakeShape = (body: Body, sizes: ReadonlyMap<string, number>): FakeShape => ({
  cpus: body.spec.cpus,
  memoryMib: body.kept?.memoryMib ?? body.spec.memoryMib,
  balloonMib: body.spec.shape.hasBalloon ? (body.kept?.memoryMib ?? body.spec.memoryMib) : null,
  disks: body.disks.map((disk) => fakeDisk(disk, sizes.get(disk.file))),
  nics: body.plugs.map((plug) => ({ plug, isLinkUp: plug.isLinkUp })),
  cdroms: body.cdroms.map((medium) => ({ ...medium })),
  begunWith: body.disks.length + body.plugs.length,
})

export const cpusMaxOf = ({ spec }: Body) => Math.max(spec.cpus, spec.shape.cpusMax ?? 0)
export const memoryMaxOf = ({ spec }: Body) => Math.max(spec.memoryMib, spec.shape.memoryMaxMib ?? 0)

export const runningOf = (body: Body, shape: FakeShape): Running => ({
  cpus: shape.cpus,
  memoryMib: shape.memoryMib,
  machineType: body.spec.machineType,
  cpusMax: cpusMaxOf(body),
  memoryMaxMib: memoryMaxOf(body),
  balloonMib: shape.balloonMib,
  machineVersion: body.machineVersion ?? `fake-${body.spec.machineType}-1`,
  disks: shape.disks.map(({ id, chain, sizeBytes }) => ({ id, file: chain[0]?.file ?? '', sizeBytes })),
  nics: shape.nics.map(({ plug, isLinkUp }) => ({ id: plug.id, mac: plug.mac, isLinkUp })),
  cdroms: shape.cdroms.map((medium) => ({ ...medium })),
})

/** What a kept memory goes back into: everything that the guest knows of. */
export const fitOf = ({
  cpus,
  memoryMib,
  cpusMax,
  memoryMaxMib,
  machineType,
  disks,
  nics,
  cdroms,
}: Running) =>
  JSON.stringify({
    cpus,
    memoryMib,
    cpusMax,
    memoryMaxMib,
    machineType,
    parts: [...disks, ...nics, ...cdroms].map(({ id }) => id).toSorted(),
  })

/** Words by place, of each file that any guest has written to. */
export class FakeContents {
  readonly #files = new Map<string, Map<string, string>>()

  write(file: string, place: string, word: string) {
    const words = this.#files.get(file) ?? new Map<string, string>()
    this.#files.set(file, words.set(place, word))
  }

  /** What one file says of a place; nothing when it leaves that to what it stands on. */
  has(file: string, place: string): string | undefined {
    return this.#files.get(file)?.get(place)
  }

  read(chain: readonly FileLayer[], place: string): string | undefined {
    for (const { file } of chain) {
      const word = this.has(file, place)
      if (word !== undefined) return word
    }
    return undefined
  }

  /** Puts into a file what the layers say, the nearest first; what it says itself stays. */
  gather(into: string, layers: readonly FileLayer[]) {
    for (const { file } of layers)
      for (const [place, word] of this.#files.get(file) ?? [])
        if (this.has(into, place) === undefined) this.write(into, place, word)
  }

  /** The file holds nothing any more. */
  empty(file: string) {
    this.#files.delete(file)
  }
}
