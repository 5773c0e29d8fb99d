/** The agent inside a fake guest: answers, is silent, hangs, floods or lies as its world has it. */

import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Command, GuestAgent, Outcome } from '../port-agent.ts'
import type { Effects } from './effects.ts'
import { ranIn } from './commands.ts'
import type { FakeGuest, FakeWorld } from './world.ts'

/** `lies`: whatever it says is false, and as long and as strange as it may be. */
export type Mood = 'answers' | 'silent' | 'hangs' | 'floods' | 'lies'

const chunkBytes = 65_536

export class FakeAgent implements GuestAgent {
  readonly #world: FakeWorld
  readonly #effects: Effects

  constructor(world: FakeWorld, effects: Effects) {
    this.#world = world
    this.#effects = effects
  }

  async look(id: string, signal: AbortSignal) {
    const guest = this.#world.guests.get(id)
    if (guest?.process !== 'running') return null
    const mood = this.#moodOf(id, guest)
    if (mood === 'silent') return null
    if (mood === 'hangs') {
      await this.#world.clock.sleep(limits.agentAnswerMs, signal)
      return null
    }
    if (mood === 'floods') throw broken(id, `more than ${limits.agentAnswerBytes} bytes`)
    return mood === 'lies' ? lies(guest) : this.#truth(id, guest)
  }

  run(id: string, command: Command, signal: AbortSignal): Promise<Outcome> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      const { outcome, tookMs } = ranIn(guest, command)
      await this.#world.clock.sleep(Math.min(tookMs, command.timeoutMs), signal)
      if (tookMs > command.timeoutMs)
        throw new Problem('guest/agent-timeout', { machine: id, seconds: command.timeoutMs / 1000 })
      return outcome
    })
  }

  read(id: string, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      const bytes = guest.files.get(path)
      if (bytes === undefined) throw broken(id, `no file ${path}`)
      return inChunks(bytes)
    })
  }

  write(id: string, path: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      const parts: Uint8Array[] = []
      for await (const part of content) parts.push(part)
      signal.throwIfAborted()
      guest.files.set(path, Buffer.concat(parts))
    })
  }

  freeze(id: string, signal: AbortSignal): Promise<number> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      if (guest.frozenAtMs === null) {
        const atMs = (guest.frozenAtMs = this.#world.clock.monotonic())
        // The guest's own watch over it, which outlives this program (I-38).
        this.#world.clock.after(limits.frozenMs, () => {
          if (guest.frozenAtMs === atMs) guest.frozenAtMs = null
        })
      }
      return 1
    })
  }

  thaw(id: string, signal: AbortSignal): Promise<number> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      const wasFrozen = guest.frozenAtMs !== null
      guest.frozenAtMs = null
      return wasFrozen ? 1 : 0
    })
  }

  setTime(id: string, signal: AbortSignal): Promise<void> {
    return this.#effects('agent', id, signal, async () => {
      await this.#answering(id, signal)
    })
  }

  shutdown(id: string, mode: 'powerdown' | 'reboot', signal: AbortSignal): Promise<void> {
    return this.#effects('agent', id, signal, async () => {
      const guest = await this.#answering(id, signal)
      const { pid } = guest
      if (mode === 'reboot') return
      this.#world.clock.after(this.#world.timing.powerdownMs, () => {
        if (guest.pid === pid && guest.process === 'running') this.#world.powerOff(id)
      })
    })
  }

  #moodOf(id: string, guest: FakeGuest): Mood {
    const hasBooted = guest.wordSeenAtMs !== null || guest.body.memoryFile !== null
    const isUp = hasBooted && guest.body.spec.shape.hasGuestAgent
    return isUp ? (this.#world.moods.get(id) ?? 'answers') : 'silent'
  }

  /** The guest, once its agent has answered. */
  async #answering(id: string, signal: AbortSignal): Promise<FakeGuest> {
    const guest = this.#world.live(id)
    const mood = guest.process === 'running' ? this.#moodOf(id, guest) : 'silent'
    if (mood === 'floods') throw broken(id, `more than ${limits.agentAnswerBytes} bytes`)
    if (mood === 'lies') throw broken(id, 'its answer is no JSON')
    if (mood === 'answers') return guest
    await this.#world.clock.sleep(limits.agentAnswerMs, signal)
    throw new Problem('guest/agent-silent', { machine: id })
  }

  #truth(id: string, guest: FakeGuest) {
    const { spec } = guest.body
    return {
      isAnswering: true,
      hostname: spec.machineName,
      os: 'Simulated 1',
      kernel: '1.0',
      agentVersion: '1.0',
      timezone: 'UTC',
      addresses: guest.shape.nics.map(({ plug }) => ({ nic: 'eth0', mac: plug.mac, address: '10.0.2.15' })),
      fileSystems: [{ mount: '/', type: 'ext4', usedBytes: 2 ** 28, totalBytes: 2 ** 30 }],
      cloudInit: this.#world.cloudInit.get(id) ?? (guest.body.seed === null ? ('absent' as const) : 'done'),
      detail: '',
    }
  }
}

const broken = (machine: string, why: string) => new Problem('guest/agent-broken', { machine, why })

/** As hostile as what is bounded and inert can be. */
const lies = ({ body }: FakeGuest) => ({
  isAnswering: true,
  hostname: '<script>alert(1)</script>'.repeat(10).slice(0, 253),
  os: "'; DROP TABLE machines; --".repeat(4),
  kernel: '../../../../etc/passwd',
  agentVersion: '${jndi:ldap://x}',
  timezone: '%n%n%n%n',
  addresses: Array.from({ length: 64 }, () => ({
    nic: 'lo',
    mac: body.spec.machine.slice(0, 17),
    address: '::1',
  })),
  fileSystems: [{ mount: '/', type: 'x', usedBytes: 2 ** 60, totalBytes: 1 }],
  cloudInit: 'unknown' as const,
  detail: '',
})

async function* inChunks(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}
