/** One simulated connection: the controller's session and the agent's uplink as two faces of it. */

import { unreachable } from '#base/assert.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { AgentDoor, Ask, ByteChannel, Down, Hello, Open, Session, Up, Uplink } from '../port.ts'
import type { Fate, Passing, Way } from './faults.ts'
import { Lane } from './lane.ts'
import { Queue } from './queue.ts'

/** Reports that wait for the controller; a controller this far behind is cut off like a dead one. */
const waitingUps = 100_000

/** Longest line that the link carries, in characters of JSON. */
const lineChars = limits.documentBytes * 2

const downs: ReadonlySet<string> = new Set<Down['say']>(['sync', 'wish', 'forget', 'synced', 'received'])
const ups: ReadonlySet<string> = new Set<Up['say']>(['report', 'event', 'heartbeat'])

export type Setup = {
  readonly clock: Clock
  readonly door: AgentDoor
  readonly hello: Hello
  readonly fate: (way: Way, passing: Passing) => Fate
  /** Keeps a message for the host's next connection. */
  readonly again: (way: Way, message: Down | Up) => void
}

/** A copy as the wire would make it: nothing shared, nothing but JSON. Problem `request/too-large`. */
function carried<T>(message: T): T {
  const line = JSON.stringify(message)
  if (line.length > lineChars) throw new Problem('request/too-large', { limit: lineChars })
  return JSON.parse(line) as T
}

export class Connection {
  readonly session: Session
  readonly uplink: Uplink
  readonly #setup: Setup
  readonly #lanes: Readonly<Record<Way, Lane>>
  readonly #ups = new Queue()
  readonly #endings = new Set<() => void>()
  readonly #closed = Promise.withResolvers<void>()
  #isOpen = true

  constructor(setup: Setup) {
    this.#setup = setup
    this.#lanes = { down: new Lane(setup.clock), up: new Lane(setup.clock) }
    const face = { closed: this.#closed.promise, close: () => this.end() }
    this.uplink = { say: (up) => this.say(up), ...face }
    this.session = {
      hello: carried(setup.hello),
      ups: this.#ups,
      send: (down) => this.send(down),
      ask: (ask, timeoutMs) => this.#ask(ask, timeoutMs),
      open: (open) => this.#open(open),
      ...face,
    }
  }

  start() {
    this.#lanes.down.start()
    this.#lanes.up.start()
  }

  send(down: Down) {
    const copy = carried(down)
    this.#pass('down', copy, () => (downs.has(copy.say) ? this.#setup.door.down(copy) : this.end()))
  }

  say(up: Up) {
    const copy = carried(up)
    this.#pass('up', copy, () => {
      const isWelcome = ups.has(copy.say) && this.#ups.length < waitingUps
      if (isWelcome) this.#ups.push(copy)
      else this.end()
    })
  }

  /** Ends both faces and all that is under way, at once. */
  end() {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#lanes.down.stop()
    this.#lanes.up.stop()
    this.#ups.end()
    for (const ending of this.#endings) ending()
    this.#endings.clear()
    this.#closed.resolve()
  }

  #pass(way: Way, passing: Passing, deliver: () => void) {
    if (!this.#isOpen) return
    const fate = this.#setup.fate(way, passing)
    const lane = this.#lanes[way]
    if (typeof fate === 'object') return lane.push(deliver, fate.lateMs)
    switch (fate) {
      case 'repeat':
        if ('say' in passing) this.#setup.again(way, passing)
        return lane.push(deliver)
      case 'pass':
        return lane.push(deliver)
      case 'cut':
        return this.end()
      case 'cut-after':
        lane.push(deliver)
        return lane.push(() => this.end())
      case 'silence':
        return this.#silence(lane)
      default:
        return unreachable(fate)
    }
  }

  #silence(lane: Lane) {
    lane.mute()
    this.#untilEnd(this.#setup.clock.after(limits.hostSilentMs, () => this.end()))
  }

  /** Calls back when the connection ends, unless taken back by the function it returns. */
  #untilEnd(ending: () => void) {
    this.#endings.add(ending)
    return () => this.#endings.delete(ending)
  }

  #lost() {
    return new Problem('link/lost', { peer: this.#setup.hello.host })
  }

  #ask(ask: Ask, timeoutMs: number): Promise<Uint8Array> {
    if (!this.#isOpen) return Promise.reject(this.#lost())
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const forget = this.#untilEnd(() => reject(this.#lost()))
    const host = this.#setup.hello.host
    const cancel = this.#setup.clock.after(timeoutMs, () => reject(new Problem('host/silent', { host })))
    const copy = carried(ask)
    this.#pass('down', copy, () => this.#answer(copy, resolve, reject))
    const settle = () => {
      forget()
      cancel()
    }
    promise.then(settle, settle)
    return promise
  }

  #answer(ask: Ask, resolve: (bytes: Uint8Array) => void, reject: (why: unknown) => void) {
    this.#setup.door.ask(ask).then(
      (bytes) => this.#pass('up', { answer: bytes.length }, () => resolve(bytes.slice())),
      (why: unknown) => this.#pass('up', { answer: 0 }, () => reject(carriedProblem(why))),
    )
  }

  #open(open: Open): Promise<ByteChannel> {
    if (!this.#isOpen) return Promise.reject(this.#lost())
    const { promise, resolve, reject } = Promise.withResolvers<ByteChannel>()
    const forget = this.#untilEnd(() => reject(this.#lost()))
    const copy = carried(open)
    this.#pass('down', copy, () => {
      this.#setup.door.open(copy).then(
        (inner) => {
          const channel = this.#channel(inner)
          this.#pass('up', { answer: 0 }, () => resolve(channel))
        },
        (why: unknown) => this.#pass('up', { answer: 0 }, () => reject(carriedProblem(why))),
      )
    })
    promise.then(forget, forget)
    return promise
  }

  #channel(inner: ByteChannel): ByteChannel {
    const lost = () => this.#lost()
    let end: 'none' | 'own' | 'lost' = 'none'
    const forget = this.#untilEnd(() => {
      end = 'lost'
      inner.close()
    })
    if (!this.#isOpen) inner.close()
    const write = async (bytes: Uint8Array) => {
      if (end !== 'none') throw lost()
      await this.#bytesPass('down', bytes.length)
      await inner.write(bytes)
    }
    const read = async function* (pass: (length: number) => Promise<void>) {
      for await (const bytes of inner.bytes) {
        await pass(bytes.length)
        yield bytes
      }
      if (end === 'lost') throw lost()
    }
    const close = () => {
      if (end === 'none') end = 'own'
      forget()
      inner.close()
    }
    return { bytes: read((length) => this.#bytesPass('up', length)), write, end: () => inner.end(), close }
  }

  async #bytesPass(way: Way, length: number) {
    const lost = Promise.withResolvers<never>()
    const forget = this.#untilEnd(() => lost.reject(this.#lost()))
    const passed = new Promise<void>((resolve) => this.#pass(way, { bytes: length }, resolve))
    if (!this.#isOpen) lost.reject(this.#lost())
    await Promise.race([passed, lost.promise]).finally(forget)
  }
}

/** A problem as it arrives on the other side: code and facts, no cause; all else is a bug over there. */
function carriedProblem(why: unknown): Problem {
  if (!(why instanceof Problem)) return new Problem('bug', { id: 'agent' })
  return new Problem(why.code, carried(why.facts), why.field === undefined ? {} : { field: why.field })
}
