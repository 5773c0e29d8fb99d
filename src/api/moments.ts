/** Acts of the moment and looks: how each finds the guest of what it is about, and asks its host. */

import type { JsonObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import type { Ask } from '#drivers/link/port.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { Desk } from '#program/desk.ts'
import type { Room } from './api.ts'
import { subjectOf } from './change.ts'
import { outboxed, recordOf } from './records.ts'
import { keeping, recall, type Repeat } from './repeats.ts'
import type { Answer, Caller } from './route.ts'

export type Body = { readonly host: string; readonly guest: string; readonly epoch: number }

/** Where the body of a machine stands now; problem `guest/absent` when it has none. */
export function bodyOf(document: Document): Body {
  const { host, guest } = (document as MachineDocument).status
  if (host === null || guest === null) throw new Problem('guest/absent', { machine: document.name })
  return { host, guest: guest.id, epoch: guest.epoch }
}

/** Kinds whose acts concern a guest; those of all others concern the controller. */
const ofGuest = new Set(['machine'])

type Moment = {
  readonly kind: Kind
  readonly document: Document
  readonly signal: string
  readonly input: Readonly<Record<string, unknown>>
  readonly repeat: Repeat | undefined
}

/**
 * Recorded and remembered first, sent then: whatever dies in between, it is sent at most once. What it came to is
 * remembered afterwards.
 */
export async function sendSignal(room: Room, caller: Caller, moment: Moment): Promise<Answer> {
  const { desk, queues } = room
  const { kind, document, signal, repeat } = moment
  const ask = ofGuest.has(kind.name) ? askFor(document, signal, moment.input) : undefined
  const act = async (): Promise<Answer> => {
    const kept = repeat === undefined ? undefined : await recall(desk, repeat)
    if (kept !== undefined) {
      caller.isRecorded = true
      return { status: 202, body: kept.outcome }
    }
    const record = recordOf(desk, caller, {
      action: `${kind.name}.${signal}`,
      subject: subjectOf(document),
      outcome: 'done',
    })
    const kinds = repeat === undefined ? [] : [await keeping(desk, repeat, { sent: true })]
    await desk.replica.commit([...kinds, outboxed(record)])
    caller.isRecorded = true
    desk.audited()
    if (ask === undefined) {
      const result = await desk.act(signal, document, moment.input as JsonObject)
      return { status: 202, body: { sent: true, ...result } }
    }
    await desk.ask(ask.host, ask.ask)
    return { status: 202, body: { sent: true } }
  }
  return repeat === undefined ? act() : queues.inTurn(`repeat/${repeat.id}`, act)
}

function askFor(document: Document, signal: string, input: Readonly<Record<string, unknown>>) {
  const { host, guest, epoch } = bodyOf(document)
  const { keys } = input
  if (signal === 'reset') return { host, ask: { ask: 'reset', guest, epoch } satisfies Ask }
  if (signal === 'set-time' || signal === 'freeze' || signal === 'thaw')
    return { host, ask: { ask: 'inside', guest, epoch, act: signal } satisfies Ask }
  if (signal === 'send-key' && Array.isArray(keys))
    return { host, ask: { ask: 'send-key', guest, epoch, keys: keys.map(String) } satisfies Ask }
  throw new Problem('request/not-found')
}

/** The bytes of a look, fresh from the host. */
export function look(desk: Desk, document: Document, name: string): Promise<Uint8Array> {
  const { host, guest } = bodyOf(document)
  if (name !== 'screenshot' && name !== 'log') throw new Problem('request/not-found')
  return desk.ask(host, { ask: name, guest })
}
