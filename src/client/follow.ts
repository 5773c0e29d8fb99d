/**
 * Follows a stream of server-sent events across cuts: reconnects with growing pauses and says which event
 * came last, so that the server goes on after it without loss or repeat (I-17).
 *
 *     connecting ──▶ reading ──cut──▶ pausing ──▶ connecting     refused for good ──▶ throws
 */

import { Problem } from '#model/problem.ts'
import { Refusal } from './refusal.ts'
import { serverEvents, type ServerEvent } from './stream.ts'

export type Cut = { readonly cause: unknown; readonly againInMs: number }

export type Followed = {
  /** Opens the stream after the event of this id; absent: from now. */
  readonly open: (lastId: string | undefined, signal: AbortSignal) => Promise<Response>
  readonly signal: AbortSignal
  /** The id to begin after. */
  readonly after?: string
  readonly onOpen?: () => void
  readonly onCut?: (cut: Cut) => void
  /** Bounds of the pause between two attempts, in milliseconds. */
  readonly pauseMs?: { readonly least: number; readonly most: number }
  /** Silence, the server's own pulse included, after which the connection is taken for dead. */
  readonly silenceMs?: number
}

const pauses = { least: 250, most: 10_000 }
// The server sends a comment every 15 s; two may be lost.
const silence = 45_000

/** Refusals that repeating does not mend: wrong role, wrong query, history no longer kept. */
const isFinal = (error: unknown) =>
  error instanceof Problem &&
  !(error.code === 'start/unreachable') &&
  !(error instanceof Refusal && (error.told.status >= 500 || error.told.status === 429))

const sleep = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms)
    function done() {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    if (signal.aborted) done()
  })

/** Aborts when nothing arrived for a while. */
function watchdog(silenceMs: number, outer: AbortSignal) {
  const dead = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const pulse = () => {
    clearTimeout(timer)
    timer = setTimeout(() => dead.abort(new Problem('link/lost', { peer: 'Decant' })), silenceMs)
  }
  pulse()
  return { signal: AbortSignal.any([outer, dead.signal]), pulse, rest: () => clearTimeout(timer) }
}

/** Ends when `signal` is aborted; throws the problem of a refusal that stays. */
export async function* follow(followed: Followed): AsyncGenerator<ServerEvent> {
  const { least, most } = followed.pauseMs ?? pauses
  let [lastId, pauseMs] = [followed.after, least]
  while (!followed.signal.aborted) {
    const dog = watchdog(followed.silenceMs ?? silence, followed.signal)
    let cause: unknown
    try {
      const response = await followed.open(lastId, dog.signal)
      followed.onOpen?.()
      if (response.body === null) throw new Problem('answer/strange', { why: 'an empty stream' })
      for await (const event of serverEvents(response.body, dog.pulse)) {
        lastId = event.id ?? lastId
        pauseMs = least
        yield event
      }
    } catch (error) {
      if (isFinal(error) && !dog.signal.aborted) throw error
      cause = error
    } finally {
      dog.rest()
    }
    if (followed.signal.aborted) return
    // Spread out, so that a thousand consoles do not return in the same instant.
    const againInMs = pauseMs * (0.5 + Math.random() / 2)
    followed.onCut?.({ cause, againInMs })
    await sleep(againInMs, followed.signal)
    pauseMs = Math.min(most, pauseMs * 2)
  }
}
