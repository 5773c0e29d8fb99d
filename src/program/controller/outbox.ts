/**
 * Carries audit records from the store's outbox to the ledger. They were committed together with what
 * they tell of, so none is lost; the ledger skips ids that it has, so none is told twice (I-41).
 */

import type { Clock } from '#drivers/clock/port.ts'
import type { AuditRecord, Ledger } from '#drivers/ledger/port.ts'
import type { Store } from '#drivers/store/port.ts'
import { limits } from '#model/limits.ts'

const againMs = 1_000

export class Outbox {
  readonly #store: Store
  readonly #ledger: Ledger
  readonly #clock: Clock
  #isDue = false
  #isWorking = false
  #isStopped = false

  constructor(store: Store, ledger: Ledger, clock: Clock) {
    this.#store = store
    this.#ledger = ledger
    this.#clock = clock
  }

  wake() {
    this.#isDue = true
    if (!this.#isWorking && !this.#isStopped) void this.#run()
  }

  stop() {
    this.#isStopped = true
  }

  async #run() {
    this.#isWorking = true
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false
      await this.#carry().catch(() => this.#clock.after(againMs, () => this.wake()))
    }
    this.#isWorking = false
  }

  async #carry() {
    const { entries } = await this.#store.snapshot('outbox')
    const oldestFirst = entries.toSorted((a, b) => a.revision - b.revision)
    for (let at = 0; at < oldestFirst.length; at += limits.changesPerCommit) {
      const some = oldestFirst.slice(at, at + limits.changesPerCommit)
      await this.#ledger.audit(some.map(({ value }) => value as unknown as AuditRecord))
      await this.#store.commit(
        some.map(({ id, kind, revision }) => ({ op: 'remove', kind, id, expect: revision })),
      )
    }
  }
}
