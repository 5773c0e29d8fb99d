/**
 * A datastore in a process of its own, for one whose files may hang for as long as a server is away. What is asked waits
 * for an answer; once it is known that nothing answers, all that waits is refused, and what is asked later at once.
 *
 *     answering ──no answer to a short work in time──▶ silent ──`look` answers──▶ answering
 */

import type { ChildProcess } from 'node:child_process'
import { Problem, story } from '#model/problem.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { reportWord, signalWord, type Answer, type Order } from './words.ts'

export type ApartOptions = {
  readonly name: string
  /** Starts the process, with a channel for messages of the kind `advanced`. */
  readonly start: () => ChildProcess
  /** Within this time a short work must be answered. */
  readonly answerMs: number
}

type Waiting = {
  readonly resolve: (value: unknown) => void
  readonly reject: (fault: unknown) => void
  readonly report: (fraction: number) => void
}

/** Works that last as long as there is content to move. */
const long = new Set(['create', 'grow', 'prepareTop', 'revert', 'merge', 'remove', 'removeImage', 'seal'])

const members: ReadonlySet<string> = new Set(
  (
    'look volumes observe create grow remove open layer prepareTop raiseTop lowerTop revert dropLayer merge merged ' +
    'arrived memoryPlace memory removeMemory observeImage images draft dropDraft landing seal imageFiles removeImage'
  ).split(' '),
)

export class Apart {
  readonly datastore: Datastore
  readonly #options: ApartOptions
  readonly #waiting = new Map<number, Waiting>()
  #child: ChildProcess | undefined
  #lastId = 0
  #isSilent = false

  constructor(options: ApartOptions) {
    this.#options = options
    this.datastore = new Proxy({ name: options.name } as Datastore, {
      get: (target, member) =>
        typeof member === 'string' && members.has(member)
          ? (...words: unknown[]) => this.#ask(member, words)
          : Reflect.get(target, member),
    })
  }

  get isSilent() {
    return this.#isSilent
  }

  /** Asks for its room, also while it is silent. Undefined: it answers; else what it answers, or that it does not. */
  async probe(): Promise<'silent' | Problem | undefined> {
    const answer = await this.#ask('look', [], true).then(
      () => undefined,
      (fault: unknown) =>
        fault instanceof Problem ? fault : new Problem('datastore/failed', failure(this, fault)),
    )
    if (answer instanceof Silence) return 'silent'
    this.#isSilent = false
    return answer
  }

  /** Ends the process; one that hangs in its server ends when that answers. */
  close() {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    this.#refuseAll()
  }

  #ask(work: string, words: readonly unknown[], isProbe = false): Promise<unknown> {
    if (this.#isSilent && !isProbe) return Promise.reject(this.#silence())
    const child = this.#running()
    const id = ++this.#lastId
    const signal = words.find((word) => word instanceof AbortSignal)
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    const report = words.find((word) => typeof word === 'function') ?? (() => undefined)
    const sent = words.map((word) =>
      word instanceof AbortSignal ? signalWord : typeof word === 'function' ? reportWord : word,
    )
    const abort = () => this.#send(child, { say: 'abort', id })
    signal?.addEventListener('abort', abort, { once: true })
    const timer = long.has(work) ? undefined : setTimeout(() => this.#fallSilent(), this.#options.answerMs)
    const answered = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, report: report as Waiting['report'] })
      this.#send(child, { say: 'ask', id, work, words: sent })
    })
    return answered
      .catch((fault: unknown) => {
        signal?.throwIfAborted()
        throw fault
      })
      .finally(() => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#waiting.delete(id)
      })
  }

  #running(): ChildProcess {
    if (this.#child !== undefined) return this.#child
    const child = this.#options.start()
    child.on('message', (answer: Answer) => this.#take(answer))
    const over = () => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#refuseAll()
    }
    child.once('exit', over).once('error', over)
    this.#child = child
    return child
  }

  #send(child: ChildProcess, order: Order) {
    if (child.connected) child.send(order, () => undefined)
  }

  #take(answer: Answer) {
    const waiting = this.#waiting.get(answer.id)
    if (answer.say === 'done') waiting?.resolve(answer.value)
    if (answer.say === 'progress') waiting?.report(answer.fraction)
    if (answer.say === 'problem') waiting?.reject(new Problem(answer.code, answer.facts))
    if (answer.say === 'fault') waiting?.reject(new Error(answer.why))
  }

  #fallSilent() {
    this.#isSilent = true
    this.#refuseAll()
  }

  #refuseAll() {
    for (const { reject } of this.#waiting.values()) reject(this.#silence())
  }

  #silence = () =>
    new Silence('datastore/failed', { datastore: this.#options.name, why: 'it does not answer' })
}

class Silence extends Problem {}

const failure = ({ datastore }: Apart, fault: unknown) => ({
  datastore: datastore.name,
  why: story(fault).slice(0, 300),
})
