/** Takes what somebody sends into the landing: from the beginning, or on from where it broke off. */

import type { Datastore } from '#drivers/datastore/port.ts'
import type { ImageMaker, Report } from '#drivers/image/port.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { faultOfHead, largestHeadBytes } from './format/header.ts'
import type { Arrived } from './intake.ts'
import type { Landing } from './landing.ts'
import { paceFrom, Pouring } from './pouring.ts'
import { checkRoom, refused } from './refusal.ts'

export type Door = {
  readonly into: Datastore
  readonly content: ByteChannel
  readonly wish: Parameters<ImageMaker['receive']>[3]
  readonly report: Report
  readonly signal: AbortSignal
}

const step = 'Receiving the content'

/**
 * The whole content once it is here; nothing while parts are missing. Problems `image/offset`, `image/refused`,
 * `link/lost`; what came until then is kept.
 */
export async function receivePart(landing: Landing, door: Door): Promise<Arrived | undefined> {
  const { into, content, wish, signal } = door
  const { offset, bytes, total } = wish
  const mark = await landing.mark()
  if (offset !== 0 && offset !== mark.bytes)
    throw new Problem('image/offset', { given: offset, have: mark.bytes })
  const end = total ?? (bytes === null ? null : offset + bytes)
  if ((end ?? 0) > limits.uploadBytes) throw refused(`it is larger than ${limits.uploadBytes} bytes`)
  await checkRoom(into, Math.max(0, (end ?? 0) - offset))
  await using handle = await landing.open(offset === 0)
  const pouring = pouringInto(handle, landing, door)
  await pouring.goOn(offset, signal)
  // A sender may fall silent for ever; closing the channel ends the waiting for its next piece.
  const close = () => content.close()
  signal.addEventListener('abort', close, { once: true })
  try {
    await poured(pouring, handle, door)
  } finally {
    signal.removeEventListener('abort', close)
    if (pouring.bytes > 0) await pouring.mark().catch(() => {})
  }
  signal.throwIfAborted()
  if (bytes !== null && pouring.bytes < offset + bytes) throw new Problem('link/lost', { peer: 'the sender' })
  if (total !== null && pouring.bytes < total) return undefined
  return { file: landing.file, fileBytes: pouring.bytes, sums: pouring.sums() }
}

type Handle = Awaited<ReturnType<Landing['open']>>

function pouringInto(handle: Handle, landing: Landing, { into, wish, report }: Door): Pouring {
  const { offset, bytes, total, spec } = wish
  const end = bytes === null ? total : offset + bytes
  const pace = paceFrom(offset, total ?? end)
  return new Pouring(handle, {
    into,
    mostBytes: end ?? limits.uploadBytes,
    tooLong: end === null ? 'it is longer than an upload may be' : 'it is longer than was stated',
    wantsSha512: spec.sha512 !== undefined,
    onWay: (received) =>
      report({ step, ...pace(received), receivedBytes: received, expectedBytes: total ?? end }),
    onSafe: (safe) => landing.setMark({ bytes: safe, total, url: '', tag: '' }),
  })
}

async function poured(pouring: Pouring, handle: Handle, { content, wish, report, signal }: Door) {
  const { spec, offset, bytes, total } = wish
  const expectedBytes = total ?? (bytes === null ? null : offset + bytes)
  report({ step, ...paceFrom(offset, expectedBytes)(offset), receivedBytes: offset, expectedBytes })
  for await (const piece of content.bytes) {
    signal.throwIfAborted()
    const before = pouring.bytes
    await pouring.take(piece)
    // Terabytes of something dangerous need not arrive before it is refused.
    if (before >= largestHeadBytes || pouring.bytes < largestHeadBytes) continue
    const head = Buffer.alloc(largestHeadBytes)
    await handle.read(head, 0, head.length, 0)
    const why = faultOfHead(head, expectedBytes ?? 2 ** 43, spec.format)
    if (why !== undefined) throw refused(why)
  }
}
