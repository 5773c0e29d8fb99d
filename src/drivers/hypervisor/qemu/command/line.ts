/** QEMU's command line: one small function a concern, in the order in which they are read. */

import { balloon, disks, networks, panicNotice, randomness, sparePorts } from './devices.ts'
import { display, guestChannel, monitor, serial } from './lines.ts'
import { accelerator, cpu, firmwareConfig, identity, kernel, machine, memory, sandbox } from './machine.ts'
import type { Part, Start } from './part.ts'

const concerns: readonly ((start: Start) => Part)[] = [
  identity,
  machine,
  accelerator,
  cpu,
  memory,
  kernel,
  firmwareConfig,
  sandbox,
  monitor,
  serial,
  display,
  randomness,
  balloon,
  guestChannel,
  panicNotice,
  sparePorts,
  networks,
  disks,
]

/** The arguments that start a guest, with its CPUs standing still. */
export const commandLine = (start: Start): readonly string[] => concerns.flatMap((concern) => concern(start))
