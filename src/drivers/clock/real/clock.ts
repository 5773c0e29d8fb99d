/** The machine's own time. Its timers never keep a finished program alive. */

import type { Clock } from '../port.ts'

export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  after(ms, call) {
    const timer = setTimeout(call, bounded(ms)).unref()
    return () => clearTimeout(timer)
  },
}

// Node fires at once, with a warning, what is further away than a signed 32-bit count of milliseconds.
const bounded = (ms: number) => Math.min(Math.max(0, ms), 2 ** 31 - 1)

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(finish, bounded(ms)).unref()
    signal?.addEventListener('abort', stop, { once: true })
    function finish() {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    function stop() {
      clearTimeout(timer)
      reject(signal?.reason)
    }
  })
}
