/**
 * What a part of QEMU's command line is made from, and how parts are written. Nothing that a person wrote
 * goes in: things are named by their ids, and options with structure are JSON, in which a comma or an
 * equals sign is only a character.
 */

import type { JsonObject } from '#base/json.ts'
import type { Accelerator, Body } from '../../port.ts'

export type Architecture = 'x86_64' | 'aarch64'

/** Everything that the command line depends on. */
export type Start = {
  /** UUID of the guest. */ readonly id: string
  /** Absolute; QEMU's working directory. Sockets in it are named relatively, for their paths are bounded. */
  readonly folder: string
  readonly body: Body
  readonly accelerator: Accelerator['name']
  readonly architecture: Architecture
  /** The versioned name, such as `pc-q35-7.2`, so that the guest sees the same machine after an upgrade. */
  readonly machineType: string
  /** Firmware for guests that boot from a disk, where the machine has none of its own. */
  readonly firmware: { readonly code: string } | null
}

export type Part = readonly string[]

export const json = (value: JsonObject) => JSON.stringify(value)
export const device = (value: JsonObject): Part => ['-device', json(value)]
export const object = (value: JsonObject): Part => ['-object', json(value)]

/** A socket in the run folder on which QEMU listens. */
export const socketChardev = (id: string): Part => [
  '-chardev',
  `socket,id=${id},path=${id}.sock,server=on,wait=off`,
]

export const isMicrovm = ({ body }: Start) => body.spec.machineType === 'microvm'
