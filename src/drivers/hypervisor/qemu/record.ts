/**
 * What is written down about a guest's process in its run folder: `body.json`.
 *
 *     (no file) ──spawn──▶ spawning ──QMP answers──▶ started ──kill──▶ ended
 *                              └── failed, or found after a crash ──────▶ ended
 *
 * A process in `spawning` has never run its CPUs. Written whole and durable before the process exists, so
 * that after any crash the file names what there may be.
 */

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const Record = z.object({
  version: z.literal(1),
  phase: z.enum(['spawning', 'started', 'ended']),
  epoch: z.int(),
  boot: z.int(),
  word: z.string().max(64),
  pid: z.int().min(2).nullable(),
  /** Start of the process in clock ticks since the host's boot, and which boot that was: proof of identity. */
  startTicks: z.string().nullable(),
  hostBoot: z.string(),
  startedAtMs: z.number(),
  wordSeenAtMs: z.number().nullable(),
  uid: z.int().nullable(),
  cgroups: z.array(z.string()).max(16),
  running: z.object({ cpus: z.int(), memoryMib: z.int(), machineType: z.string() }),
  forwards: z
    .array(
      z.object({
        nic: z.string(),
        protocol: z.string(),
        address: z.string(),
        hostPort: z.int(),
        guestPort: z.int(),
      }),
    )
    .max(512),
  detail: z.string().max(400),
})
export type Record = z.output<typeof Record>

const fileName = 'body.json'

/** The record of a run folder; nothing when there is none or it cannot be read as one. */
export function readRecord(folder: string): Record | undefined {
  try {
    return Record.parse(JSON.parse(readFileSync(join(folder, fileName), 'utf8')))
  } catch {
    return undefined
  }
}

/** Replaces the record at once; `isDurable`: it outlives a power cut when this returns. */
export function writeRecord(folder: string, record: Record, isDurable: boolean): void {
  const file = join(folder, fileName)
  const draft = `${file}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  try {
    writeSync(descriptor, JSON.stringify(record))
    if (isDurable) fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
  if (isDurable) syncFolder(folder)
}

function syncFolder(folder: string) {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
