/** The end of a datastore that lives in a process of its own: carries out what it is asked. */

import { Problem, story } from '#model/problem.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { isWord, reportWord, signalWord, type Answer, type Ask, type Order } from './words.ts'

/** Resolves when the other end is gone. */
export function serve(
  process: Pick<NodeJS.Process, 'on' | 'send'>,
  open: () => Promise<Datastore>,
): Promise<void> {
  const going = new Map<number, AbortController>()
  const answer = (said: Answer) => void process.send?.(said)
  let opened: Promise<Datastore> | undefined
  const ready = () => {
    opened ??= open().catch((fault: unknown) => {
      opened = undefined
      throw fault
    })
    return opened
  }
  const take = async (ask: Ask) => {
    const abort = new AbortController()
    going.set(ask.id, abort)
    try {
      answer({ say: 'done', id: ask.id, value: await carryOut(await ready(), ask, abort.signal, answer) })
    } catch (fault) {
      answer(refusal(ask.id, fault))
    } finally {
      going.delete(ask.id)
    }
  }
  process.on('message', (order: Order) => {
    if (order.say === 'ask') void take(order)
    else going.get(order.id)?.abort(new Error('stopped'))
  })
  return new Promise((over) => process.on('disconnect', () => over()))
}

async function carryOut(
  datastore: Datastore,
  { id, work, words }: Ask,
  signal: AbortSignal,
  answer: (said: Answer) => void,
): Promise<unknown> {
  const member: unknown = Reflect.get(datastore, work)
  if (typeof member !== 'function') throw new TypeError(`a datastore has no ${work}`)
  const report = (fraction: number) => answer({ say: 'progress', id, fraction })
  const given = words.map((word) =>
    isWord(word, signalWord) ? signal : isWord(word, reportWord) ? report : word,
  )
  return await Reflect.apply(member, datastore, given)
}

const refusal = (id: number, fault: unknown): Answer =>
  fault instanceof Problem
    ? { say: 'problem', id, code: fault.code, facts: fault.facts }
    : { say: 'fault', id, why: story(fault).slice(0, 1000) }
