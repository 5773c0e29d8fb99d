/** What the agent asks of whoever makes images and gives them out again. */

import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Appliance } from '#kinds/image/parts.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'

export type ImageProgress = {
  readonly step: string
  /** From 0 to 1; null while unknown. */
  readonly fraction: number | null
  readonly etaSeconds: number | null
  /** While content comes in: how much of it is here, and how much there will be. */
  readonly receivedBytes?: number
  readonly expectedBytes?: number | null
}

export type Report = (progress: ImageProgress) => void

/** A part of a content that somebody sends. */
export type ContentPart = {
  /** Where it goes on: what has come already, or 0 to begin anew. */
  readonly offset: number
  /** Length of this part; null: as long as the channel is open. */
  readonly bytes: number | null
  /** Length of the whole content; null: it ends with this part. */
  readonly total: number | null
}

/** Sources whose content nobody sends. */
export type MakeOrder = {
  readonly spec: ImageSpec
  /** For `volume`: where its content lies, and whether nobody has begun to write to it meanwhile. */
  readonly volume: { readonly chain: DiskChain; readonly isUntouched: () => Promise<boolean> } | null
}

export type ExportOrder = {
  readonly format: 'qcow2' | 'raw' | 'ova'
  /** Disks, the first of which the machine boots. One, unless the format is `ova`. */
  readonly disks: readonly DiskChain[]
  /** Whether the disks are images, which never change: such a file is given out as it lies. */
  readonly isImmutable: boolean
  /** What an OVA says about its machine. */
  readonly appliance: Appliance
}

export type Exported = {
  readonly bytes: number
  readonly content: AsyncIterable<Uint8Array>
  /** Removes what was written for it; to be called once, read or not. */
  close(): Promise<void>
}

export interface ImageMaker {
  readonly name: string
  /** Who has to be given a volume (`Datastore.open`) whose content is to be read; null: nobody in particular. */
  readonly reader: number | null
  /**
   * Makes an image of what nobody sends: fetched, read from a folder of the host, copied from a volume, built. Repeated
   * after a failure it goes on where it can. Problems `image/*`, `datastore/full`, `tool/*`.
   */
  make(image: string, into: Datastore, order: MakeOrder, report: Report, signal: AbortSignal): Promise<void>
  /** How much of a content that is being sent is here and safe; 0 when nothing is. */
  landed(image: string, into: Datastore): Promise<number>
  /**
   * Receives a content, or what is still missing of it: decides its format from its own header, refuses what is dangerous
   * with `image/refused`, converts it in a jail if need be, and seals it. A part whose channel breaks is kept; problem
   * `image/offset` when it does not follow what is there.
   */
  receive(
    image: string,
    into: Datastore,
    content: ByteChannel,
    wish: ContentPart & { readonly spec: ImageSpec },
    report: Report,
    signal: AbortSignal,
  ): Promise<'sealed' | 'partial'>
  /** Disks as one stream of bytes in a format of other products. Writes a copy into the datastore where it must. */
  export(into: Datastore, order: ExportOrder, report: Report, signal: AbortSignal): Promise<Exported>
}
