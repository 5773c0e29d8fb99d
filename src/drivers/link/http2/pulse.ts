/** Notices a peer that no longer answers, however quiet the connection is. */

import type { Http2Session } from 'node:http2'
import type { Pace } from './bounds.ts'
import { breakOff } from './ending.ts'

/**
 * Pings until the session closes; destroys it when nothing was answered for `silentMs`. A process that
 * was itself held up (paused, swapped out, asleep) first listens again before it judges (I-03).
 */
export function watchPulse(session: Http2Session, { pingMs, silentMs }: Pace) {
  let heardAtMs = performance.now()
  let beatAtMs = heardAtMs
  let isWaiting = false
  const beat = () => {
    const nowMs = performance.now()
    if (nowMs - beatAtMs > 2 * pingMs) heardAtMs = nowMs
    beatAtMs = nowMs
    if (nowMs - heardAtMs > silentMs) return breakOff(session)
    // A destroyed session closes only a little later, and a ping on it would throw.
    if (isWaiting || session.closed || session.destroyed) return
    isWaiting = session.ping((error) => {
      isWaiting = false
      if (error === null) heardAtMs = performance.now()
    })
  }
  const timer = setInterval(beat, pingMs)
  session.once('close', () => clearInterval(timer))
}
