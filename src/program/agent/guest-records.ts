/** The agent's notes of guests: read in the form of today, and who may have a volume open. */

import { isObject, type Json } from '#base/json.ts'
import type { Notebook } from '#drivers/notebook/port.ts'
import { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import { blankRecord, type GuestRecord } from '#kinds/guest/plan.ts'

export class GuestRecords implements Pick<Notebook, 'put'> {
  readonly #notebook: Notebook
  /** Guests by the volumes that their notes name. */
  readonly #holders = new Map<string, Set<string>>()

  constructor(notebook: Notebook) {
    this.#notebook = notebook
    for (const key of notebook.keys('guest')) this.#index(key)
  }

  get(id: string): GuestRecord {
    return recordFrom(this.#notebook.get(`guest/${id}`))
  }

  async put(key: string, value: Json): Promise<void> {
    await this.#notebook.put(key, value)
    this.#index(key)
  }

  /** Guests that may have the volume open, by their notes. */
  holdersOf(volume: string): string[] {
    const found = [...(this.#holders.get(volume) ?? [])]
    return found.filter((id) => this.get(id).disks.some((disk) => disk.volume === volume))
  }

  #index(key: string) {
    const id = key.slice('guest/'.length)
    for (const { volume } of this.get(id).disks) {
      const holders = this.#holders.get(volume) ?? new Set<string>()
      this.#holders.set(volume, holders.add(id))
    }
  }
}

/** What an agent of before noted: volumes in the order of the disks, and each NIC's wish as text. */
type FormerShape = { readonly disks: readonly string[]; readonly plugs: readonly string[] }

export function recordFrom(note: Json | undefined): GuestRecord {
  if (!isObject(note)) return blankRecord
  const { shape, ...fields } = note as Partial<GuestRecord> & { shape?: FormerShape | null }
  const former = shape === null || shape === undefined ? {} : partsFrom(shape)
  return { ...blankRecord, ...former, ...fields }
}

const partsFrom = ({ disks, plugs }: FormerShape): Pick<GuestRecord, 'disks' | 'nics'> => ({
  disks: disks.map((volume, at) =>
    GuestDisk.parse({
      id: `disk${at}`,
      volume,
      volumeName: '',
      datastore: '',
      format: 'qcow2',
      isReadOnly: false,
    }),
  ),
  nics: plugs.flatMap((plug) => {
    const { success, data } = GuestNic.safeParse(JSON.parse(plug))
    return success ? [data] : []
  }),
})
