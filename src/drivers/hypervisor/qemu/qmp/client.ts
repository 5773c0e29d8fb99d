/**
 * One QMP connection: greeting, capabilities, commands with ids and deadlines, events.
 *
 * The other side may be a QEMU that its guest has taken over: lines are bounded, shapes are checked, and
 * what cannot be read ends the connection. Source: qemu.org, docs/interop/qmp-spec.
 */

import type { Socket } from 'node:net'
import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { Lines } from './lines.ts'
import type { Commands, Events } from './schema.gen.ts'

export type Command = keyof Commands
export type QmpEvent = {
  readonly event: keyof Events | (string & {})
  readonly data: Record<string, unknown>
}

type Arguments<C extends Command> = Commands[C]['arguments']
type Waiting = {
  readonly command: string
  readonly done: (value: unknown) => void
  readonly fail: (error: Error) => void
}

export class Qmp {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #waiting = new Map<number, Waiting>()
  readonly #lines = new Lines(limits.qmpLineBytes)
  #lastId = 0
  #isClosed = false
  #greet: () => void = () => undefined
  readonly #greeted: Promise<void>
  #hear: (event: QmpEvent) => void = () => undefined

  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    this.#greeted = new Promise((greet) => (this.#greet = greet))
    socket.on('data', (bytes: Buffer) => this.#read(bytes))
    socket.on('error', () => undefined)
    this.closed = new Promise((end) => {
      socket.once('close', () => {
        this.#end()
        end()
      })
    })
  }

  get isOpen() {
    return !this.#isClosed
  }

  /** Waits for the greeting and says that we are ready. Problem `qmp/silent` when none comes in time. */
  async begin(timeoutMs: number): Promise<void> {
    await this.#within('greeting', timeoutMs, Promise.race([this.#greeted, this.#closedEarly()]))
    await this.ask('qmp_capabilities', {}, timeoutMs)
  }

  onEvent(hear: (event: QmpEvent) => void) {
    this.#hear = hear
  }

  /**
   * One command and its answer. Problems: `qmp/refused` with QEMU's reason, `qmp/silent` after the
   * deadline or when the connection ends first.
   */
  ask<C extends Command>(
    command: C,
    args: Arguments<C>,
    timeoutMs: number = limits.qmpAnswerMs,
  ): Promise<Commands[C]['return']> {
    if (this.#isClosed) return Promise.reject(silent(command, 0))
    const id = (this.#lastId += 1)
    const answer = new Promise<unknown>((done, fail) => this.#waiting.set(id, { command, done, fail }))
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`)
    return this.#within(command, timeoutMs, answer).finally(() => this.#waiting.delete(id)) as Promise<
      Commands[C]['return']
    >
  }

  close() {
    this.#socket.destroy()
  }

  async #within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
    let cancel = () => undefined as void
    const late = new Promise<never>((_, fail) => {
      cancel = this.#clock.after(timeoutMs, () => fail(silent(what, timeoutMs)))
    })
    return Promise.race([work, late]).finally(() => cancel())
  }

  async #closedEarly() {
    await this.closed
    throw silent('greeting', 0)
  }

  #read(bytes: Buffer) {
    for (const line of this.#lines.push(bytes) ?? []) if (line.trim() !== '') this.#take(line)
    if (this.#lines.isBroken) this.close()
  }

  #take(line: string) {
    const message = parsed(line)
    if (message === undefined) return this.close()
    if (isObject(message['QMP'])) return this.#greet()
    if (typeof message['event'] === 'string') {
      const { data } = message
      return this.#hear({ event: message['event'], data: isObject(data) ? data : {} })
    }
    if (typeof message['id'] === 'number') this.#answer(message['id'], message)
  }

  #answer(id: number, message: Record<string, unknown>) {
    const waiting = this.#waiting.get(id)
    const { error } = message
    if (!isObject(error)) return waiting?.done(message['return'])
    const why = inert(String(error['desc'] ?? 'no reason given')).slice(0, 400)
    waiting?.fail(new Problem('qmp/refused', { command: waiting.command, why }))
  }

  #end() {
    this.#isClosed = true
    for (const { command, fail } of this.#waiting.values()) fail(silent(command, 0))
    this.#waiting.clear()
  }
}

const silent = (command: string, timeoutMs: number) =>
  new Problem('qmp/silent', { command, seconds: Math.ceil(timeoutMs / 1000) })

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
