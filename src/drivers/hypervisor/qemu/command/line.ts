/** QEMU's command line: one small function a concern, in the order in which they are read. */

import {
  balloon,
  hostDevices,
  panicNotice,
  randomness,
  shares,
  sparePorts,
  tpm,
  watchdog,
} from './devices.ts'
import { controllers, disks, drives, seed } from './disks.ts'
import { display, guestChannel, monitor, serial } from './lines.ts'
import {
  accelerator,
  cpu,
  firmwareConfig,
  flash,
  generation,
  identity,
  kernel,
  machine,
  sandbox,
  waiting,
} from './machine.ts'
import { memory } from './memory.ts'
import { networks } from './networks.ts'
import type { Part, Start } from './part.ts'

const concerns: readonly ((start: Start) => Part)[] = [
  identity,
  machine,
  accelerator,
  cpu,
  memory,
  waiting,
  kernel,
  flash,
  firmwareConfig,
  sandbox,
  monitor,
  serial,
  display,
  randomness,
  balloon,
  guestChannel,
  panicNotice,
  generation,
  watchdog,
  tpm,
  sparePorts,
  networks,
  controllers,
  disks,
  drives,
  seed,
  shares,
  hostDevices,
]

/** The arguments that start a guest, with its CPUs standing still. */
export const commandLine = (start: Start): readonly string[] => concerns.flatMap((concern) => concern(start))
