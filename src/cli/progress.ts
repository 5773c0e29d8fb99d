/** How fast something goes and when it will be done. */

import { bytesText, durationText } from '#base/quantity.ts'

export type Pace = {
  /** Notes how much is done at a moment. */
  at(doneBytes: number, nowMs: number): void
  /** Bytes in a second, over the last moments. */
  rate(): number
}

/** Old figures fade with this half-life: a network that slowed down shows so within seconds. */
const halfLifeMs = 3_000

export function paceFrom(startMs: number): Pace {
  let [lastMs, lastBytes, rate] = [startMs, 0, 0]
  return {
    at(doneBytes, nowMs) {
      const spanMs = nowMs - lastMs
      if (spanMs < 100) return
      const now = ((doneBytes - lastBytes) / spanMs) * 1000
      const weight = rate === 0 ? 1 : 1 - 0.5 ** (spanMs / halfLifeMs)
      rate += (now - rate) * weight
      lastMs = nowMs
      lastBytes = doneBytes
    },
    rate: () => rate,
  }
}

/** `1.2 GiB`, `80 MiB/s`, `12s`; unknown parts as a dash. */
export function progressFacts(doneBytes: number, totalBytes: number | undefined, rate: number) {
  const left = totalBytes === undefined || rate <= 0 ? undefined : (totalBytes - doneBytes) / rate
  return {
    sent: bytesText(doneBytes),
    total: totalBytes === undefined ? '?' : bytesText(totalBytes),
    rate: rate <= 0 ? '–' : bytesText(Math.round(rate)),
    eta: left === undefined ? '–' : durationText(Math.ceil(left)),
  }
}
