/**
 * What is written down about a guest's process in its run folder: `body.json`.
 *
 *     (no file) ──spawn──▶ spawning ──pid known──▶ started ──kill──▶ ended
 *                              └── failed, or found after a crash ────▶ ended
 *
 * Written whole before the process exists, so that after a crash of the agent the file names what there may
 * be; durable before the guest's first instruction, so that after a power cut no older body comes back.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
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
  running: z.object({
    cpus: z.int(),
    memoryMib: z.int(),
    machineType: z.string(),
    /** As it was started; what is above `memoryMib` comes and goes with virtio-mem. Absent in old records. */
    startMib: z.int().optional(),
    cpusMax: z.int().optional(),
    memoryMaxMib: z.int().optional(),
    cpuModel: z.string().optional(),
  }),
  /** Network plugs whose cable was pulled: QEMU does not tell. */
  linksDown: z.array(z.string()).max(64).default([]),
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

/** Replaces the record at once. */
export function writeRecord(folder: string, record: Record): void {
  const file = join(folder, fileName)
  writeFileSync(`${file}.new`, JSON.stringify(record), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** Resolves when the record as it stands would outlive a power cut. */
export async function syncRecord(folder: string): Promise<void> {
  for (const path of [join(folder, fileName), folder, dirname(folder)]) {
    const handle = await open(path)
    await handle.sync().finally(() => handle.close())
  }
}
