/** What the agent asks of whoever makes images: from a content that somebody sent, or from nothing. */

import type { ByteChannel } from '#drivers/link/port.ts'
import type { ImageSpec } from '#kinds/image/schema.ts'
import type { Datastore } from '#drivers/datastore/port.ts'

export type Report = (progress: {
  readonly step: string
  readonly fraction: number | null
  readonly etaSeconds: number | null
}) => void

export interface ImageMaker {
  readonly name: string
  /** Builds the starter image from Debian packages, downloaded and unpacked, not installed. */
  buildStarter(image: string, into: Datastore, report: Report, signal: AbortSignal): Promise<void>
  /**
   * Receives a content, decides its format from its own header, refuses what is dangerous with
   * `image/refused`, converts it in a jail if need be, and seals it. The bytes end with the channel.
   */
  receive(
    image: string,
    into: Datastore,
    content: ByteChannel,
    wish: {
      readonly format: ImageSpec['format']
      readonly sha256: string | null
      readonly bytes: number | null
    },
    report: Report,
    signal: AbortSignal,
  ): Promise<void>
}
