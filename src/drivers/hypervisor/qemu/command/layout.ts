/** Where the parts of a guest sat when its memory was kept, so that they come up in the same places. */

import { z } from 'zod'
import type { JsonObject } from '#base/json.ts'
import type { Body } from '../../port.ts'
import { rootPort, type Part } from './part.ts'

const Name = z.string().regex(/^[A-Za-z0-9.-]{1,32}$/)
const DeviceFunction = z.int().min(0).max(255)

const Layout = z.object({
  /** Ports that were there besides the spare ones; `address`: slot and function in one number. */
  ports: z.array(z.object({ id: Name, chassis: z.int().min(0).max(255), address: DeviceFunction })).max(64),
  places: z.record(
    Name,
    z.object({
      bus: Name,
      address: DeviceFunction.optional(),
      scsiId: z.int().min(0).max(255).optional(),
      queues: z.int().min(1).max(1024).optional(),
    }),
  ),
})
export type Layout = z.output<typeof Layout>

/** Null: it sits as any guest that boots. */
export const layoutOf = ({ kept }: Pick<Body, 'kept'>): Layout | null =>
  kept === undefined || Object.keys(kept.layout).length === 0 ? null : Layout.parse(kept.layout)

export const addressText = (address: number) => `0x${(address >> 3).toString(16)}.${address & 7}`

export const keptPorts = (layout: Layout): Part =>
  layout.ports.flatMap(({ id, chassis, address }) =>
    rootPort(id, chassis, { bus: 'pcie.0', addr: addressText(address) }),
  )

/** The place of a part; nothing where it is not known. */
export function keptPlace(body: Pick<Body, 'kept'>, id: string): JsonObject | undefined {
  const found = layoutOf(body)?.places[id]
  if (found === undefined) return undefined
  const { bus, address, scsiId, queues } = found
  // QEMU makes one for each processor of the start, and the guest was told how many.
  const name = id === 'scsi' ? 'num_queues' : 'num-queues'
  return {
    bus,
    ...(address === undefined ? {} : { addr: addressText(address) }),
    ...(scsiId === undefined ? {} : { 'scsi-id': scsiId }),
    ...(queues === undefined ? {} : { [name]: queues }),
  }
}
