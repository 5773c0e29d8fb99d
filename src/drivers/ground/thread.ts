/**
 * Work that may block, such as a write to a slow disk, in a thread of its own. Questions are answered in
 * their order; problems cross over as problems. A thread keeps its program alive only while it is asked.
 */

import { parentPort, Worker } from 'node:worker_threads'
import { Bug, present } from '#base/assert.ts'
import { Problem, story, type ProblemCode } from '#model/problem.ts'
import type { Facts } from '#model/sentence.ts'

/** What a thread answers: plain data in, plain data out. */
export type Asks = { readonly [name: string]: (input: never) => unknown }

type Question = { readonly id: number; readonly name: string; readonly input: unknown }
type Answer =
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly problem: { readonly code: ProblemCode; readonly facts: Facts } }
  | { readonly id: number; readonly bug: string }

type Waiting = {
  readonly since: number
  readonly resolve: (output: unknown) => void
  readonly reject: (error: unknown) => void
}

export class Thread<A extends Asks> {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #what: string
  #lastId = 0
  #ended = false

  /** `what` names the thread in problems. */
  constructor(file: URL, what: string) {
    this.#what = what
    this.#worker = new Worker(file, { name: what, execArgv: [] })
    this.#worker.on('message', (answer: Answer) => this.#take(answer))
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', () => this.#end(undefined))
    this.#worker.unref()
  }

  ask<Name extends keyof A & string>(
    name: Name,
    input: Parameters<A[Name]>[0],
  ): Promise<ReturnType<A[Name]>> {
    if (this.#ended) return Promise.reject(this.#gone(undefined))
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const waiting = { since: performance.now(), resolve: resolve as Waiting['resolve'], reject }
      this.#waiting.set(id, waiting)
      this.#worker.ref()
      const question: Question = { id, name, input }
      this.#worker.postMessage(question, [])
    })
  }

  /** How long the oldest open question has waited, in milliseconds. */
  waitedMs(): number {
    const [oldest] = this.#waiting.values()
    return oldest === undefined ? 0 : performance.now() - oldest.since
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #take(answer: Answer) {
    const waiting = present(this.#waiting.get(answer.id), 'an answer has a question')
    this.#waiting.delete(answer.id)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ('output' in answer) waiting.resolve(answer.output)
    else if ('problem' in answer) waiting.reject(new Problem(answer.problem.code, answer.problem.facts))
    else waiting.reject(new Bug(answer.bug))
  }

  #end(cause: unknown) {
    this.#ended = true
    for (const { reject } of this.#waiting.values()) reject(this.#gone(cause))
    this.#waiting.clear()
  }

  #gone(cause: unknown) {
    return new Problem('store/failing', { why: `the thread of the ${this.#what} ended` }, { cause })
  }
}

/** The other side: answers questions in the thread. `translate` turns what the world throws into a problem. */
export function answer(asks: Asks, translate: (error: unknown) => unknown) {
  const port = present(parentPort, 'a thread has a parent')
  port.on('message', ({ id, name, input }: Question) => {
    port.postMessage(answerTo(asks, translate, { id, name, input }), [])
  })
}

function answerTo(asks: Asks, translate: (error: unknown) => unknown, { id, name, input }: Question): Answer {
  try {
    return { id, output: present(asks[name], `the thread knows ${name}`)(input as never) }
  } catch (thrown) {
    const error = translate(thrown)
    return error instanceof Problem
      ? { id, problem: { code: error.code, facts: error.facts } }
      : { id, bug: story(error) }
  }
}
