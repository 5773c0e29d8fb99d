/** A closed load of 64 clients, the same for every peer that is measured. */

export const clients = 64

export type Round = { readonly perSecond: number; readonly p99Ms: number }
export type Put = (id: string) => Promise<unknown>
export type Peer = { readonly put: Put; readonly stop: () => Promise<void> }

/** As many puts as fit into `seconds`, by 64 clients that each wait for the last before the next. */
export async function measure(put: Put, seconds: number): Promise<Round> {
  const latencies: number[] = []
  const start = performance.now()
  const end = start + seconds * 1000
  const client = async (at: number) => {
    for (let n = 0; performance.now() < end; n++) {
      const before = performance.now()
      await put(`${at}-${n % 100}`)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: clients }, (_, at) => client(at)))
  const took = (performance.now() - start) / 1000
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    perSecond: Math.round(latencies.length / took),
    p99Ms: Number((sorted[Math.floor(sorted.length * 0.99)] ?? 0).toFixed(2)),
  }
}

const median = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0

/** The medians of several rounds. */
export const middle = (rounds: readonly Round[]): Round => ({
  perSecond: median(rounds.map(({ perSecond }) => perSecond)),
  p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
})
