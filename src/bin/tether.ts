/**
 * A program's end of the channel to its supervisor: begins when told, stops when told, and ends at once when
 * the supervisor is gone. Guests are nobody's children in this sense: they run on.
 */

import { Problem, problemDocument, story } from '#model/problem.ts'
import type { Order, Word } from './orders.ts'
import { settleDown } from './thrift.ts'

export type Running = { close(): Promise<void> }

/** Waits for the order to begin; a failure is told to the supervisor, and the program ends. */
export function tether<Begin extends Extract<Order, { say: 'begin' }>>(
  begin: (order: Begin, tell: (word: Word) => Promise<void>) => Promise<Running>,
) {
  let running: Promise<Running> | undefined
  if (!process.connected) return void process.stderr.write('This program is run by: npm start\n')
  process.on('disconnect', () => process.exit(0))
  // Only the supervisor decides: a terminal or an init system may signal the whole group.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('message', (order: Order) => {
    if (order.say === 'begin') running ??= begin(order as Begin, tell).catch(fail)
    else void stop(running)
  })
  process.on('SIGTERM', () => void stop(running))
}

async function stop(running: Promise<Running> | undefined) {
  await (await running)?.close()
  process.exit(0)
}

/** Once it is ready, all that the program usually needs is compiled. */
const tell = async (word: Word) => {
  await send(word)
  if (word.say === 'ready') settleDown()
}

const send = (word: Word) =>
  new Promise<void>((resolve) => {
    if (process.send === undefined) resolve()
    else process.send(word, undefined, undefined, () => resolve())
  })

async function fail(error: unknown): Promise<never> {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? story(error)) : story(error)}\n`)
  await tell({ say: 'failed', problem: problemDocument(problemOf(error)) })
  process.exit(1)
}

/** What went wrong as a problem; what is none is a bug, and its story stands in the log. */
export const problemOf = (error: unknown): Problem =>
  error instanceof Problem
    ? error
    : new Problem('bug', { id: `start (${story(error).slice(0, 300)})` }, { cause: error })
