/**
 * The talk with one agent inside a guest: one question at a time, each answer bounded in size and time.
 *
 *     closed ──connect──▶ out of step ──guest-sync-delimited──▶ in step ──question──▶ in step
 *        ▲                    ▲                                    │ no answer in time
 *        └── too much said ───┴────────────────────────────────────┘
 *
 * What the other side says is hostile. After a silence its late answers are told from new ones by a number that
 * only we know. Source: qemu.org, docs/interop/qemu-ga-ref, `guest-sync-delimited`.
 */

import { randomInt } from 'node:crypto'
import type { Socket } from 'node:net'
import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { Answers } from './answers.ts'

export type Question = {
  readonly execute: string
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** A line that was longer than allowed: its beginning and its end. */
export type Overlong = { readonly head: string; readonly tail: string }

export class Conversation {
  readonly #machine: string
  readonly #connect: () => Promise<Socket>
  readonly #clock: Clock
  #socket: Socket | undefined
  #answers = new Answers()
  #isInStep = false
  #turn: Promise<unknown> = Promise.resolve()

  /** `machine`: as people call it, for problems. */
  constructor(machine: string, connect: () => Promise<Socket>, clock: Clock) {
    this.#machine = machine
    this.#connect = connect
    this.#clock = clock
  }

  /**
   * What the agent returns. Problems: `guest/agent-silent`, `guest/agent-broken`, `guest/agent-refused` with its
   * reason. `timeoutMs` counts from this question's turn.
   */
  async ask(question: Question, timeoutMs: number = limits.agentAnswerMs): Promise<unknown> {
    const answer = await this.askLong(question, timeoutMs)
    if ('overlong' in answer) throw this.#broken('it said too much')
    return answer.value
  }

  /** As `ask`, for answers that may be too long to be taken whole. */
  askLong(
    question: Question,
    timeoutMs: number = limits.agentAnswerMs,
  ): Promise<{ readonly value: unknown } | { readonly overlong: Overlong }> {
    const turn = this.#turn.then(
      () => this.#converse(question, timeoutMs),
      () => this.#converse(question, timeoutMs),
    )
    this.#turn = turn
    return turn
  }

  /** Says something that is not answered, such as a shutdown. A problem only when it is refused at once. */
  async say(question: Question, patienceMs: number): Promise<void> {
    await this.ask(question, patienceMs).catch((fault: unknown) => {
      if (!(fault instanceof Problem) || fault.code !== 'guest/agent-silent') throw fault
    })
  }

  close() {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#isInStep = false
  }

  async #converse(question: Question, timeoutMs: number) {
    const until = this.#clock.monotonic() + timeoutMs
    this.#answers.expect()
    await this.#getInStep(until)
    this.#write(question)
    const line = await this.#next(until)
    if ('overlong' in line) return line
    const { error } = line.message
    if (!isObject(error)) return { value: line.message['return'] }
    const why = inert(String(error['desc'] ?? 'no reason given')).slice(0, 400)
    throw new Problem('guest/agent-refused', { machine: this.#machine, command: question.execute, why })
  }

  /** Everything said before the number comes back is old. */
  async #getInStep(until: number) {
    if (this.#isInStep && this.#socket?.writable === true) return
    if (this.#socket?.writable !== true) await this.#open()
    const number = randomInt(1, 2 ** 31)
    this.#answers.awaitMark()
    // The first byte ends whatever the agent has taken for the beginning of a question.
    this.#socket?.write(Buffer.from([0xff]))
    this.#write({ execute: 'guest-sync-delimited', arguments: { id: number } })
    for (;;) {
      const line = await this.#next(until)
      if ('message' in line && line.message['return'] === number) break
    }
    this.#isInStep = true
  }

  async #open() {
    this.#answers = new Answers()
    const answers = this.#answers
    const socket = await this.#connect().catch(() => {
      throw this.#silent()
    })
    socket.on('data', (bytes: Buffer) => {
      if (!answers.push(bytes)) socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.once('close', () => answers.end())
    this.#socket = socket
  }

  #write(question: Question) {
    this.#socket?.write(`${JSON.stringify(question)}\n`)
  }

  async #next(until: number) {
    const leftMs = until - this.#clock.monotonic()
    let cancel = () => {}
    const late = new Promise<'late'>((resolve) => {
      cancel = this.#clock.after(Math.max(0, leftMs), () => resolve('late'))
    })
    const line = await Promise.race([this.#answers.next(), late]).finally(() => cancel())
    if (line === 'late' || line === 'ended') {
      this.#isInStep = false
      if (line === 'ended') this.close()
      throw this.#silent()
    }
    if (line === 'broken') throw this.#broken('what it says is no answer')
    return line
  }

  #broken(why: string) {
    this.close()
    return this.nonsense(why)
  }

  nonsense(why: string) {
    return new Problem('guest/agent-broken', { machine: this.#machine, why })
  }

  late(seconds: number) {
    return new Problem('guest/agent-timeout', { machine: this.#machine, seconds })
  }

  #silent() {
    return new Problem('guest/agent-silent', { machine: this.#machine })
  }
}
