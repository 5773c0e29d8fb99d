/** What the controller may ask of an agent at the moment: signals, looks, consoles, contents. */

import type { Ask, ByteChannel, Open } from '#drivers/link/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { Problem } from '#model/problem.ts'
import type { GuestRecord } from '#kinds/guest/plan.ts'
import { giveOut, landed, receiveContent } from './contents.ts'
import { sentInside, tellInside } from './errands.ts'
import type { Wishes } from './wishes.ts'
import type { Workshop } from './workshop.ts'
import type { AgentPorts } from './world.ts'

const nothing = new Uint8Array()

export async function answer(ports: AgentPorts, wishes: Wishes, ask: Ask): Promise<Uint8Array> {
  const { hypervisor } = ports
  switch (ask.ask) {
    case 'landed':
      return await landed(ports, wishes, ask.image)
    case 'reset':
      await running(ports, wishes, ask)
      await hypervisor.reset(ask.guest)
      return nothing
    case 'send-key':
      await running(ports, wishes, ask)
      await hypervisor.sendKeys(ask.guest, ask.keys)
      return nothing
    case 'inside':
      await running(ports, wishes, ask)
      await tellInside(ports, ask)
      return nothing
    case 'screenshot':
      await running(ports, wishes, ask)
      return await hypervisor.screenshot(ask.guest)
    case 'log':
      named(wishes, ask.guest)
      return await hypervisor.serialLog(ask.guest)
  }
}

export async function openChannel(
  ports: AgentPorts,
  on: { wishes: Wishes; workshop: Workshop },
  open: Open,
): Promise<ByteChannel> {
  if (open.open === 'content') return receiveContent(ports, on, open)
  if (open.open === 'export') return giveOut(ports, on.wishes, open)
  await running(ports, on.wishes, open)
  if (open.open === 'inside') return sentInside(ports, open.guest)
  return open.open === 'serial'
    ? await ports.hypervisor.serial(open.guest)
    : await ports.hypervisor.vnc(open.guest)
}

function named(wishes: Wishes, guest: string) {
  const wish = wishes.get('guest', guest)
  if (wish === undefined) throw new Problem('guest/absent', { machine: guest })
  return wish.document
}

/** The guest runs, and is the body that the controller means: an older epoch is refused. */
async function running(
  ports: { hypervisor: Hypervisor; notebook: AgentPorts['notebook'] },
  wishes: Wishes,
  { guest, epoch }: { guest: string; epoch?: number },
) {
  const document = named(wishes, guest)
  const { process } = await ports.hypervisor.observe(guest)
  if (process !== 'running' && process !== 'paused')
    throw new Problem('guest/absent', { machine: document.name })
  const seen = (ports.notebook.get(`guest/${guest}`) as Partial<GuestRecord> | undefined)?.epoch ?? 0
  if (epoch !== undefined && epoch < seen) throw new Problem('host/stale', { seen, given: epoch })
}
