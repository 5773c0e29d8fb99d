/** What the controller sends into a guest: commands, files in and out. Whoever goes takes the errand's patience along. */

import type { Ask, ByteChannel } from '#drivers/link/port.ts'
import type { GuestAgent } from '#drivers/hypervisor/port-agent.ts'
import { Errand, type Ran } from '#model/errand.ts'
import { limits } from '#model/limits.ts'
import { Problem, problemDocument } from '#model/problem.ts'
import { joined } from './joined.ts'
import type { AgentPorts } from './world.ts'

type Inside = Extract<Ask, { ask: 'inside' }>

/** A guest may take as long to freeze as its disks need; nobody waits longer. */
const actMs = limits.frozenMs * 2

export async function tellInside({ hypervisor }: AgentPorts, { guest, act }: Inside): Promise<void> {
  const signal = AbortSignal.timeout(actMs)
  if (act === 'set-time') await hypervisor.agent.setTime(guest, signal)
  else if (act === 'freeze') await hypervisor.agent.freeze(guest, signal)
  else await hypervisor.agent.thaw(guest, signal)
}

/** Errands under way, by guest. */
const underWay = new WeakMap<AgentPorts, Map<string, number>>()

/** The other end of an errand: reads what is to be done, does it, answers. */
export function sentInside(ports: AgentPorts, guest: string): ByteChannel {
  const now = underWay.get(ports) ?? new Map<string, number>()
  underWay.set(ports, now)
  const count = now.get(guest) ?? 0
  if (count >= limits.errandsPerGuest)
    throw new Problem('request/too-many', { limit: limits.errandsPerGuest, what: 'commands at one time' })
  now.set(guest, count + 1)
  const [near, far] = joined()
  void answered(ports.hypervisor.agent, guest, near).finally(() => {
    const left = (now.get(guest) ?? 1) - 1
    if (left > 0) now.set(guest, left)
    else now.delete(guest)
  })
  return far
}

async function answered(agent: GuestAgent, guest: string, near: ByteChannel) {
  const stop = new AbortController()
  const words = near.bytes[Symbol.asyncIterator]()
  try {
    const { errand, rest } = await errandFrom(words)
    await carryOut({ agent, guest, near, stop }, errand, rest)
    near.end()
  } catch (fault) {
    const problem = fault instanceof Problem ? fault : new Problem('bug', { id: guest }, { cause: fault })
    await near.write(line({ ok: false, problem: problemDocument(problem) })).catch(() => {})
    near.end()
  } finally {
    stop.abort(new Problem('link/lost', { peer: 'the reader' }))
    // Whoever still sends hears that nothing more is taken.
    near.close()
  }
}

type Way = {
  readonly agent: GuestAgent
  readonly guest: string
  readonly near: ByteChannel
  readonly stop: AbortController
}

async function carryOut(
  { agent, guest, near, stop }: Way,
  errand: Errand,
  rest: AsyncGenerator<Uint8Array>,
): Promise<void> {
  const { signal } = stop
  if (errand.act === 'write') {
    await agent.write(guest, errand.path, bounded(rest, limits.guestFileBytes), signal)
    return near.write(line({ ok: true }))
  }
  const parts: Uint8Array[] = []
  for await (const part of bounded(rest, limits.errandInputBytes)) parts.push(part)
  if (errand.act === 'read') return await giveFile({ agent, guest, near, stop }, errand.path)
  const { argv, environment, timeoutSeconds } = errand
  const ran = await agent.run(
    guest,
    {
      argv,
      timeoutMs: timeoutSeconds * 1000,
      ...(environment === undefined ? {} : { environment }),
      ...(parts.length === 0 ? {} : { input: Buffer.concat(parts) }),
    },
    signal,
  )
  const { output, errors, exitCode, signal: by, isTruncated } = ran
  const sizes = { outputBytes: output.length, errorsBytes: errors.length }
  await near.write(line({ ok: true, exitCode, signal: by, isTruncated, ...sizes } satisfies Ran))
  for (const bytes of [output, errors]) if (bytes.length > 0) await near.write(bytes)
}

/** After the first line nothing but bytes may come: what breaks off must not look like a whole file. */
async function giveFile({ agent, guest, near, stop }: Way, path: string) {
  const content = (await agent.read(guest, path, stop.signal))[Symbol.asyncIterator]()
  // The file is opened by the first part; only then is it said that there is one.
  let part = await content.next()
  await near.write(line({ ok: true }))
  try {
    for (; part.done !== true; part = await content.next()) await near.write(part.value)
  } catch {
    near.close()
  } finally {
    await content.return?.()
  }
}

async function* bounded(bytes: AsyncIterable<Uint8Array>, most: number) {
  let count = 0
  for await (const part of bytes) {
    count += part.length
    if (count > most) throw new Problem('request/too-large', { limit: most })
    yield part
  }
}

/** Long enough for all the words that are allowed, each character escaped. */
const longestLine = limits.errandChars * 8

async function errandFrom(words: AsyncIterator<Uint8Array>) {
  let head = Buffer.alloc(0)
  for (;;) {
    const end = head.indexOf(0x0a)
    if (end >= 0) {
      const errand = parsedErrand(head.toString('utf8', 0, end))
      return { errand, rest: following(head.subarray(end + 1), words) }
    }
    const { done, value } = await words.next()
    if (done === true || head.length > longestLine) throw malformed()
    head = Buffer.concat([head, value])
  }
}

async function* following(first: Uint8Array, words: AsyncIterator<Uint8Array>) {
  if (first.length > 0) yield first
  for (;;) {
    const { done, value } = await words.next()
    if (done === true) return
    yield value
  }
}

const malformed = () => new Problem('request/malformed', { why: 'no errand of ours' })

function parsedErrand(text: string): Errand {
  const read = Errand.safeParse(jsonOrNothing(text))
  if (read.success) return read.data
  throw malformed()
}

function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const line = (words: object) => new TextEncoder().encode(`${JSON.stringify(words)}\n`)
