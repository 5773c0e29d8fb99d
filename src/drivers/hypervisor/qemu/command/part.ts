/**
 * What a part of QEMU's command line is made from, and how parts are written. Nothing that a person wrote
 * goes in: things are named by their ids, and options with structure are JSON, in which a comma or an
 * equals sign is only a character.
 */

import type { JsonObject } from '#base/json.ts'
import type { Accelerator, Body } from '../../port.ts'

export type Architecture = 'x86_64' | 'aarch64'

/** Firmware in a file; where it keeps its settings, if it does. */
export type Firmware = { readonly code: string; readonly settings: string | null }

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
  readonly cpuModel: string
  /** Firmware for guests where the machine has none of its own, or another is wished. */
  readonly firmware: Firmware | null
  /** Whether packets go through the host's kernel (vhost-net). */
  readonly hasVhost: boolean
  /** Whether there are boot programs for network cards. */
  readonly hasBootRoms: boolean
  /** Nodes of USB devices of the host, in the order of their wishes. */
  readonly usbNodes: readonly string[]
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

/** A socket in the run folder on which another process listens. */
export const peerChardev = (id: string): Part => ['-chardev', `socket,id=${id},path=${id}.sock`]

export const isMicrovm = ({ body }: Pick<Start, 'body'>) => body.spec.machineType === 'microvm'

/** A place on the PCI bus. */
export const place = (slot: number, fn = 0): JsonObject => ({
  bus: 'pcie.0',
  addr: `0x${slot.toString(16)}.${fn}`,
})

/** A virtio device on whichever bus the machine has. */
export const virtio = (start: Start, driver: string, slot: JsonObject, rest: JsonObject): Part =>
  isMicrovm(start)
    ? device({ driver: `${driver}-device`, ...rest })
    : device({ driver: `${driver}-pci`, ...slot, ...rest })

/**
 * A port of its own for a part: what sits on the root bus itself can never be taken away while the guest runs. No
 * window for old-style ports: there are not enough of them for all, and nothing here needs them.
 */
export const rootPort = (id: string, chassis: number, where: JsonObject): Part =>
  device({ driver: 'pcie-root-port', id, chassis, multifunction: true, 'io-reserve': 0, ...where })

/** The port of a part. */
export const portOf = (part: string) => `port-${part}`
