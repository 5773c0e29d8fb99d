/** Where a part can be put while its guest runs, and how it is taken away again. */

import type { JsonObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Change } from './parts.ts'
import { findParts } from './running.ts'

/** The bus of a free spare port. Problem `guest/no-slot`; `guest/not-live` where there is no such bus at all. */
export async function freeSlot({ guest }: Change, part: string): Promise<JsonObject> {
  const ports = (await findParts(guest.qmp)).filter(({ type }) => type === 'pcie-root-port')
  // A disk's own port too, once it is gone; spare ones first, so that it may come back to it.
  const spares = ports
    .map(({ name }) => name)
    .filter(isOurs)
    .toSorted(sparesFirst)
  if (spares.length === 0)
    throw new Problem('guest/not-live', { machine: guest.id, why: 'it was started without spare ports' })
  const [root] = await guest.qmp.ask('query-pci', {})
  const free = new Set(
    (root?.devices ?? []).flatMap(({ qdev_id: id, pci_bridge: bridge }) =>
      (bridge?.devices ?? []).length === 0 ? [id] : [],
    ),
  )
  const bus = spares.find((id) => free.has(id))
  if (bus === undefined) throw new Problem('guest/no-slot', { machine: guest.id, part })
  return { bus }
}

/** Ports of the host's devices are not for others. */
const isOurs = (port: string) => port.startsWith('spare') || port.startsWith('port-')

const sparesFirst = (one: string, other: string) =>
  Number(other.startsWith('spare')) - Number(one.startsWith('spare'))

export const hasPart = async ({ guest }: Change, id: string) =>
  (await findParts(guest.qmp)).some(({ name }) => name === id)

/** How long between looks whether it is gone: short at first, for an idle guest needs a tenth of a second. */
const pausesMs = [20, 20, 40, 80, 160, 320]

/**
 * Asks the guest to let go of a device and waits until it has. Problem `guest/clings` when it does not in time;
 * it may do so later, and asking again is no harm.
 */
export async function letGo(on: Change, id: string): Promise<void> {
  const { guest, clock, signal } = on
  if (!(await hasPart(on, id))) return
  // While it is still being asked, QEMU refuses to ask again.
  await guest.qmp.ask('device_del', { id }).catch((error: unknown) => {
    if (error instanceof Problem && /does not support hotplug/.test(error.message))
      throw new Problem('guest/not-live', {
        machine: guest.id,
        why: `${id} is built in for as long as it runs`,
      })
    refusedIf(/in the process of unplug/)(error)
  })
  const deadline = clock.monotonic() + limits.detachMs
  for (let tries = 0; await hasPart(on, id); tries += 1) {
    signal.throwIfAborted()
    if (clock.monotonic() > deadline)
      throw new Problem('guest/clings', {
        machine: guest.id,
        part: id,
        seconds: Math.round(limits.detachMs / 1000),
      })
    await clock.sleep(pausesMs[Math.min(tries, pausesMs.length - 1)] ?? 0)
  }
}

/** Passes every refusal on but the one that says that there is nothing to do. */
export const refusedIf = (known: RegExp) => (error: unknown) => {
  const why = error instanceof Problem && error.code === 'qmp/refused' ? String(error.facts['why']) : ''
  if (!known.test(why)) throw error
}
