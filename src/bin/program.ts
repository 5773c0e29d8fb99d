/**
 * One of the two programs as the supervisor sees it: started, told to begin, started again with growing
 * pauses when it dies, asked to stop.
 */

import { spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { Problem, type ProblemDocument } from '#model/problem.ts'
import type { Journal } from './journal.ts'
import type { Order, Word } from './orders.ts'
import { compiledIn, thrifty } from './thrift.ts'

type Ready = Extract<Word, { say: 'ready' }>

export type ProgramPlan<R extends Ready> = {
  readonly name: string
  readonly argv: readonly [string, ...string[]]
  /** Working directory: the data folder, so that socket paths stay short (unix(7): 108 bytes). */
  readonly folder: string
  /** The program's own folder, in which it keeps compiled code. */
  readonly keep: string
  /** Names of the variables of our environment that it is handed; absent: all. */
  readonly environment?: readonly string[]
  /** Descriptor of the lock, which the program holds as long as it lives. */
  readonly lock: number
  readonly journal: Journal
  readonly begin: () => Extract<Order, { say: 'begin' }>
  readonly onReady: (ready: R) => void
  readonly tell: (line: string) => void
}

/** Pauses before the next start; a program that ran for a minute starts anew at the first. */
const pausesMs = [100, 500, 2_000, 5_000, 15_000, 30_000]
const goodMs = 60_000
/** From start to ready: long enough for a large store and a slow disk. */
const readyWithinMs = 60_000
const stopWithinMs = 8_000

export class Program<R extends Ready> {
  readonly #plan: ProgramPlan<R>
  #child: ChildProcess | undefined
  #isStopping = false
  #failures = 0

  constructor(plan: ProgramPlan<R>) {
    this.#plan = plan
  }

  /** Starts it and resolves when it is ready; the problem that it failed with otherwise. From then on it is kept up. */
  async start(): Promise<R> {
    const { child, ready } = this.#spawn()
    const first = await ready
    void this.#keepUp(child)
    return first
  }

  /** Asks it to stop, and ends it when it does not. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const child = this.#child
    if (child === undefined || hasEnded(child)) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.connected) child.send({ say: 'stop' } satisfies Order, () => {})
    const late = setTimeout(() => child.kill('SIGKILL'), stopWithinMs)
    await ended
    clearTimeout(late)
  }

  async #keepUp(first: ChildProcess) {
    let [child, sinceMs] = [first, performance.now()]
    for (;;) {
      await ending(child)
      if (this.#isStopping) return
      if (performance.now() - sinceMs > goodMs) this.#failures = 0
      const pauseMs = pausesMs[Math.min(this.#failures, pausesMs.length - 1)] ?? 0
      this.#failures += 1
      this.#plan.tell(`The ${this.#plan.name} ended unexpectedly; it starts again in ${pauseMs / 1000} s`)
      await sleep(pauseMs)
      if (this.#isStopping) return
      sinceMs = performance.now()
      child = await this.#again()
    }
  }

  async #again(): Promise<ChildProcess> {
    const { child, ready } = this.#spawn()
    try {
      this.#plan.onReady(await ready)
      this.#plan.tell(`The ${this.#plan.name} runs again`)
    } catch {
      // It ended before it was ready: the loop above waits longer and tries again.
    }
    return child
  }

  #spawn() {
    const { argv, folder, keep, environment, lock, journal, begin } = this.#plan
    const [program, ...rest] = thrifty(argv)
    const child = spawn(program, rest, {
      cwd: folder,
      env: compiledIn(keep, environment),
      // A session of its own: what a terminal sends to us does not reach it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', lock],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes: Buffer) => journal.write(bytes.toString()))
    }
    child.on('error', () => {})
    child.send(begin(), () => {})
    return { child, ready: this.#ready(child) }
  }

  #ready(child: ChildProcess): Promise<R> {
    const { name, journal } = this.#plan
    return new Promise<R>((resolve, reject) => {
      let told: ProblemDocument | undefined
      const late = setTimeout(() => child.kill('SIGKILL'), readyWithinMs)
      child.on('message', (word: Word) => {
        if (word.say === 'failed') told = word.problem
        else {
          clearTimeout(late)
          resolve(word as R)
        }
      })
      void ending(child).then(() => {
        clearTimeout(late)
        reject(told === undefined ? died(name, journal) : new Problem(told.code, told.facts))
      })
    })
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** Resolves when a program has ended, or could not even be started. */
const ending = (child: ChildProcess) =>
  new Promise<void>((resolve) => {
    if (hasEnded(child) || child.pid === undefined) return resolve()
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })

const died = (name: string, journal: Journal) => {
  const last = journal.tail.trim().split('\n').slice(-3).join(' / ')
  const why = `the ${name} ended before it was ready; see ${journal.file}${last === '' ? '' : ` (${last})`}`
  return new Problem('tool/failed', { tool: `decant ${name}`, why })
}
