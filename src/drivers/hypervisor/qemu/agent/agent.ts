/** The agents inside guests, each over its channel `agent.sock` in the guest's run folder. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { GuestAgent } from '../../port-agent.ts'
import type { Guest } from '../guest.ts'
import { connectIn } from '../socket.ts'
import { runCommand } from './commands.ts'
import { Conversation } from './conversation.ts'
import { insideOf } from './facts.ts'
import { readAll, writeAll } from './files.ts'

/** Freezing waits until everything is on the guest's disks. */
const freezeMs = 30_000
/** An agent that shuts its guest down says nothing. */
const shutdownMs = 1_000

export type Talks = GuestAgent & { readonly close: () => void }

type Talk = { readonly pid: number; readonly conversation: Conversation; unfreeze: (() => void) | undefined }

/** `guest`: the guest of an id, as the driver knows it. */
export const agentOf = (guest: (id: string) => Guest, clock: Clock): Talks => new Agents(guest, clock)

class Agents implements Talks {
  readonly #guest: (id: string) => Guest
  readonly #clock: Clock
  readonly #talks = new Map<string, Talk>()

  constructor(guest: (id: string) => Guest, clock: Clock) {
    this.#guest = guest
    this.#clock = clock
  }

  async look(id: string, signal: AbortSignal) {
    try {
      const { conversation } = await this.#talk(id)
      signal.throwIfAborted()
      return await insideOf(conversation)
    } catch (fault) {
      if (isSilence(fault)) return null
      throw fault
    }
  }

  async run(id: string, command: Parameters<GuestAgent['run']>[1], signal: AbortSignal) {
    const { conversation } = await this.#talk(id)
    return await runCommand(conversation, command, { clock: this.#clock, signal })
  }

  async read(id: string, path: string, signal: AbortSignal) {
    const { conversation } = await this.#talk(id)
    return stoppable(readAll(conversation, path, limits.guestFileBytes), signal)
  }

  async write(id: string, path: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    const { conversation } = await this.#talk(id)
    await writeAll(conversation, path, stoppable(content, signal))
  }

  async freeze(id: string, signal: AbortSignal) {
    const talk = await this.#talk(id)
    signal.throwIfAborted()
    this.#thawLater(id, talk)
    if (await isFrozen(talk.conversation)) return 0
    return Number(await talk.conversation.ask({ execute: 'guest-fsfreeze-freeze' }, freezeMs))
  }

  async thaw(id: string) {
    const talk = await this.#talk(id)
    const thawed = Number(await talk.conversation.ask({ execute: 'guest-fsfreeze-thaw' }, freezeMs))
    talk.unfreeze?.()
    talk.unfreeze = undefined
    return thawed
  }

  async setTime(id: string) {
    const { conversation } = await this.#talk(id)
    const time = this.#clock.now() * 1e6
    await conversation.ask({ execute: 'guest-set-time', arguments: { time } })
  }

  async shutdown(id: string, mode: 'powerdown' | 'reboot') {
    const { conversation } = await this.#talk(id)
    await conversation.say({ execute: 'guest-shutdown', arguments: { mode } }, shutdownMs)
  }

  close() {
    for (const { conversation, unfreeze } of this.#talks.values()) {
      unfreeze?.()
      conversation.close()
    }
    this.#talks.clear()
  }

  /** Problems: `guest/absent`; `guest/agent-silent` at once when nobody in the guest has opened the channel. */
  async #talk(id: string): Promise<Talk> {
    const guest = this.#guest(id)
    const { qmp } = guest
    const pid = guest.record?.pid ?? 0
    const lines = await qmp.ask('query-chardev', {})
    const isOpen = lines.some(({ label, 'frontend-open': isOpen }) => label === 'agent' && isOpen)
    if (!isOpen) throw new Problem('guest/agent-silent', { machine: nameOf(guest) })
    const known = this.#talks.get(id)
    if (known?.pid === pid) return known
    this.#forget(id)
    const conversation = new Conversation(
      nameOf(guest),
      () => connectIn(guest.folder, 'agent.sock'),
      this.#clock,
    )
    const talk: Talk = { pid, conversation, unfreeze: undefined }
    this.#talks.set(id, talk)
    void qmp.closed.then(() => this.#talks.get(id) === talk && this.#forget(id))
    return talk
  }

  #forget(id: string) {
    const talk = this.#talks.get(id)
    talk?.unfreeze?.()
    talk?.conversation.close()
    this.#talks.delete(id)
  }

  /** Whoever froze it may forget it or die over it: a guest whose disks stand still is harmed (I-38). */
  #thawLater(id: string, talk: Talk) {
    talk.unfreeze?.()
    const again = () => {
      if (this.#talks.get(id) !== talk) return
      this.thaw(id).catch(() => (talk.unfreeze = this.#clock.after(thawAgainMs, again)))
    }
    talk.unfreeze = this.#clock.after(limits.frozenMs, again)
  }
}

const thawAgainMs = 1_000

/** As people call its machine, from the run folder; its id where that cannot be read. */
function nameOf({ folder, id }: Guest): string {
  try {
    return readFileSync(join(folder, 'name'), 'utf8')
  } catch {
    return id
  }
}

const isSilence = (fault: unknown) =>
  fault instanceof Problem && (fault.code === 'guest/agent-silent' || fault.code === 'guest/absent')

const isFrozen = async (talk: Conversation) =>
  (await talk.ask({ execute: 'guest-fsfreeze-status' })) === 'frozen'

async function* stoppable(parts: AsyncIterable<Uint8Array>, signal: AbortSignal) {
  for await (const part of parts) {
    signal.throwIfAborted()
    yield part
  }
}
