/** What the controller may ask of an agent at the moment: signals, looks, consoles, contents. */

import type { Ask, ByteChannel, Open } from '#drivers/link/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { image as imageKind } from '#kinds/image/schema.ts'
import { Problem, problemDocument } from '#model/problem.ts'
import type { GuestRecord } from '#kinds/guest/plan.ts'
import type { Wishes } from './wishes.ts'
import type { Workshop } from './workshop.ts'
import type { AgentPorts } from './world.ts'

const nothing = new Uint8Array()

export async function answer(ports: AgentPorts, wishes: Wishes, ask: Ask): Promise<Uint8Array> {
  const { hypervisor } = ports
  switch (ask.ask) {
    case 'reset':
      await running(ports, wishes, ask)
      await hypervisor.reset(ask.guest)
      return nothing
    case 'send-key':
      await running(ports, wishes, ask)
      await hypervisor.sendKeys(ask.guest, ask.keys)
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
  await running(ports, on.wishes, open)
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

/** Takes the bytes into the image, then answers one line of JSON: all went well, or the problem. */
function receiveContent(
  { datastore }: AgentPorts,
  { wishes, workshop }: { wishes: Wishes; workshop: Workshop },
  { image, bytes }: Extract<Open, { open: 'content' }>,
): ByteChannel {
  const wish = wishes.get('image', image)
  if (wish === undefined) throw new Problem('image/content-missing', { name: image })
  const spec = imageKind.spec.parse(wish.document.spec)
  const into = datastore(spec.datastore)
  if (into === undefined)
    throw new Problem('datastore/failed', { datastore: spec.datastore, why: 'this host does not reach it' })
  const [near, far] = joined()
  void workshop.receive(image, into, near, { ...spec, bytes }).then(
    () => reply(near, { ok: true }),
    (fault: unknown) =>
      reply(near, {
        ok: false,
        problem: problemDocument(
          fault instanceof Problem ? fault : new Problem('bug', { id: image }, { cause: fault }),
        ),
      }),
  )
  return far
}

async function reply(channel: ByteChannel, answer: object) {
  await channel.write(new TextEncoder().encode(`${JSON.stringify(answer)}\n`)).catch(() => {})
  channel.end()
}

/** Two ends of one channel in memory, each write waiting until the other end has taken it. */
export function joined(): [ByteChannel, ByteChannel] {
  const [there, back] = [pipe(), pipe()]
  const close = () => {
    there.close()
    back.close()
  }
  return [
    { bytes: there.bytes, write: back.write, end: back.end, close },
    { bytes: back.bytes, write: there.write, end: there.end, close },
  ]
}

function pipe() {
  const waiting: { readonly bytes: Uint8Array; readonly taken: () => void }[] = []
  let isOver = false
  let wake = () => {}
  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = waiting.shift()
      if (next !== undefined) {
        yield next.bytes
        next.taken()
      } else if (isOver) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  const end = () => {
    isOver = true
    wake()
  }
  return {
    bytes: read(),
    write: async (bytes: Uint8Array) => {
      if (isOver) throw new Problem('link/lost', { peer: 'the other end' })
      await new Promise<void>((taken) => {
        waiting.push({ bytes, taken })
        wake()
      })
    },
    end,
    close: () => {
      for (const { taken } of waiting.splice(0)) taken()
      end()
    },
  }
}
