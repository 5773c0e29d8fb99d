/** Figures of the API itself, for the metrics page. */

const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const

type Durations = { readonly buckets: number[]; sum: number; count: number }

export class Measures {
  readonly #durations = new Map<string, Durations>()
  commits = 0
  watches = 0
  consoles = 0

  /** `route`: its template, never what somebody sent: names must stay few. */
  took(route: string, status: number, seconds: number) {
    const key = `route="${route}",status="${Math.floor(status / 100)}xx"`
    const durations = this.#durations.get(key) ?? { buckets: bounds.map(() => 0), sum: 0, count: 0 }
    this.#durations.set(key, durations)
    durations.sum += seconds
    durations.count++
    const at = bounds.findIndex((bound) => seconds <= bound)
    if (at >= 0) durations.buckets[at] = (durations.buckets[at] ?? 0) + 1
  }

  /** The durations as lines of a Prometheus histogram. */
  lines(): string[] {
    return [...this.#durations].flatMap(([key, { buckets, sum, count }]) => {
      let below = 0
      const counted = bounds.map((bound, at) => {
        below += buckets[at] ?? 0
        return `decant_request_duration_seconds_bucket{${key},le="${bound}"} ${below}`
      })
      return [
        ...counted,
        `decant_request_duration_seconds_bucket{${key},le="+Inf"} ${count}`,
        `decant_request_duration_seconds_sum{${key}} ${sum}`,
        `decant_request_duration_seconds_count{${key}} ${count}`,
      ]
    })
  }
}
