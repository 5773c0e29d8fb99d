/** Time. Real in the programs, virtual in the simulator; nothing above the drivers asks another way. */

export interface Clock {
  /** Milliseconds since 1970; may jump. For people and records only. */
  now(): number
  /** Milliseconds from an unknown start; never goes back. For every judgement about elapsed time. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls back once after `ms` unless cancelled by the function it returns. */
  after(ms: number, call: () => void): () => void
}
