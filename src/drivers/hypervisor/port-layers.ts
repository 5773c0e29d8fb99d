/** Snapshots, moves and merges of a running guest's disks, and its memory kept in a file. */

import type { JsonObject } from '#base/json.ts'
import type { DiskFile, FileLayer, Running } from './port.ts'

export type Progress = (fraction: number) => void

/**
 * What a kept memory fits into again: all that ran at its moment, and where each part sat, in the driver's own words. The
 * body that goes on from it says both.
 */
export type Kept = { readonly running: Running; readonly layout: JsonObject }

export interface LiveLayers {
  /**
   * Puts new tops above the disks' present ones, all at one moment (one transaction). The files exist and
   * name what they stand on. With `memoryFile` the guest's memory of that very moment is written there, whole or not
   * at all. Repeated after it was done, does nothing. Says for how long the guest stood still, and what its memory fits into.
   */
  overlay(
    id: string,
    tops: readonly { readonly disk: string; readonly top: FileLayer; readonly keys: DiskFile['keys'] }[],
    memoryFile: string | null,
    signal: AbortSignal,
  ): Promise<{ readonly pausedMs: number; readonly kept: Kept | null }>
  /**
   * Copies into a disk's layer `into` what it has from the layers between it and `base` (null: all of them), so that those
   * may go. Bit-exact under writes. Repeated, goes on or does nothing.
   */
  merge(
    id: string,
    wish: { readonly disk: string; readonly into: string; readonly base: string | null },
    report: Progress,
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Copies a disk to another file while the guest writes, then goes on there. The old file is left. `ready` is awaited
   * when both hold the same and each write goes to both, before the guest goes over.
   */
  mirror(
    id: string,
    wish: { readonly disk: string; readonly target: DiskFile; readonly ready?: () => Promise<void> },
    report: Progress,
    signal: AbortSignal,
  ): Promise<void>
}
