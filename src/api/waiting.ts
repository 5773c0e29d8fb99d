/** Waits for an object to be as somebody wishes, with one ear on the replica for all who wait. */

import type { Stored } from '#model/document.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Replica } from '#runtime/replica.ts'

export class Waiting {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #ears = new Map<string, Set<() => void>>()
  readonly stop: () => void

  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica
    this.#clock = clock
    this.stop = replica.onChange((seen) => {
      for (const { id } of seen) for (const ear of this.#ears.get(id) ?? []) ear()
    })
  }

  /** Resolves with the first answer of `look` that is not undefined, or undefined after `ms`. `look` may throw. */
  until<T>(
    { kind, id }: { kind: string; id: string },
    look: (stored: Stored | undefined) => T | undefined,
    ms: number,
  ): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const finish = (answer: T | undefined) => {
        cancel()
        this.#forget(id, ear)
        resolve(answer)
      }
      const ear = () => {
        try {
          const answer = look(this.#replica.get(kind, id))
          if (answer !== undefined) finish(answer)
        } catch (error) {
          cancel()
          this.#forget(id, ear)
          reject(error)
        }
      }
      const cancel = this.#clock.after(ms, () => finish(undefined))
      this.#ears.set(id, (this.#ears.get(id) ?? new Set()).add(ear))
      ear()
    })
  }

  #forget(id: string, ear: () => void) {
    const ears = this.#ears.get(id)
    ears?.delete(ear)
    if (ears?.size === 0) this.#ears.delete(id)
  }
}
