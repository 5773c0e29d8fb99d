/** Tells the ledger what happened, for people: events of state changes and those that agents send. */

import type { Document } from '#model/document.ts'
import type { Facts } from '#model/sentence.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Ledger, LedgerEvent } from '#drivers/ledger/port.ts'

export class Chronicle {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #newId: () => string
  #waiting: LedgerEvent[] = []
  #isWriting = false

  constructor(ledger: Ledger, clock: Clock, newId: () => string) {
    this.#ledger = ledger
    this.#clock = clock
    this.#newId = newId
  }

  stateChanged(document: Document, state: string) {
    this.note(
      document,
      `${document.kind}.${state}`,
      { state },
      `${document.kind} ${document.name} is ${state}`,
    )
  }

  note(document: Document, type: string, facts: Facts, text: string) {
    const { kind, project, name, id } = document
    this.#waiting.push({
      id: this.#newId(),
      atMs: this.#clock.now(),
      type,
      kind,
      project,
      name,
      objectId: id,
      facts,
      text,
    })
    void this.#write()
  }

  /** Many events become one append; a ledger that cannot write loses events, never stops machines. */
  async #write() {
    if (this.#isWriting) return
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const events = this.#waiting.splice(0, 500)
      await this.#ledger.event(events).catch(() => {})
    }
    this.#isWriting = false
  }
}
