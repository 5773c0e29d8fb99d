/**
 * The datastores of this host: opened as their documents say, looked after, let go when their documents go. One that
 * cannot be used says why and is tried again; what guests have open stays as it is.
 */

import { reason, type Reason } from '#model/plan.ts'
import { Problem, story } from '#model/problem.ts'
import type { DatastoreDoor, DatastoreOrder, OpenDatastore } from '#drivers/datastore/port-opening.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import { datastore as datastoreKind } from '#kinds/datastore/schema.ts'
import type { Wish } from './wishes.ts'

type Entry = { readonly id: string; readonly opened: OpenDatastore | null; readonly fault: Reason | null }

export class Stores {
  readonly #door: DatastoreDoor | undefined
  readonly #given: (name: string) => Datastore | undefined
  readonly #log: (line: string) => void
  /** By name: the documents of one moment have different ones. */
  readonly #entries = new Map<string, Entry>()

  constructor(
    door: DatastoreDoor | undefined,
    given: (name: string) => Datastore | undefined,
    log: (line: string) => void,
  ) {
    this.#door = door
    this.#given = given
    this.#log = log
  }

  /** Undefined: it cannot be used now. */
  readonly named = (name: string): Datastore | undefined => {
    const given = this.#given(name)
    if (given !== undefined) return given
    const { opened = null, fault = null } = this.#entries.get(name) ?? {}
    return fault === null ? opened?.datastore : undefined
  }

  /** Why one cannot be used. */
  faultOf(name: string): Reason | undefined {
    return this.#entries.get(name)?.fault ?? undefined
  }

  /** Opens what is not open, and looks whether what is open still is what it was. */
  async refresh({ document, isClaimed }: Wish): Promise<void> {
    const { id, name } = document
    if (this.#door === undefined || this.#given(name) !== undefined) return
    const spec = datastoreKind.spec.parse(document.spec)
    const known = this.#entries.get(name)
    if (known !== undefined && known.id !== id) await this.#letGo(name, known, isClaimed)
    const opened = this.#entries.get(name)?.opened ?? null
    const { driver, folder, source } = spec
    const next =
      opened === null
        ? await attempted(() => this.#open({ id, name, driver, folder, source }))
        : { opened, fault: await attempted(() => opened.check()) }
    const entry = 'code' in next ? { id, opened: null, fault: next } : { id, ...settledOn(next) }
    this.#say(name, known?.fault ?? null, entry.fault)
    this.#entries.set(name, entry)
  }

  /** Its document is gone. */
  async drop(id: string): Promise<void> {
    for (const [name, entry] of this.#entries) if (entry.id === id) await this.#letGo(name, entry, true)
  }

  async close(): Promise<void> {
    for (const [name, entry] of this.#entries) await this.#letGo(name, entry, false)
  }

  async #open(order: DatastoreOrder): Promise<{ opened: OpenDatastore; fault: null } | Reason> {
    const opened = await this.#door?.open(order)
    if (opened === undefined) return reason('datastore/unusable', { why: 'this host does not have it' })
    return 'code' in opened ? opened : { opened, fault: null }
  }

  async #letGo(name: string, { opened }: Entry, isOver: boolean): Promise<void> {
    this.#entries.delete(name)
    await opened?.close(isOver)
  }

  #say(name: string, before: Reason | null, after: Reason | null) {
    if (before?.code === after?.code) return
    this.#log(
      `datastore ${name}: ${after === null ? 'usable' : `${after.code} ${JSON.stringify(after.facts)}`}`,
    )
  }
}

const settledOn = ({ opened, fault }: { opened: OpenDatastore; fault: Reason | null | undefined }) => ({
  opened,
  fault: fault ?? null,
})

/** What the world refuses is a reason as well. */
async function attempted<T>(work: () => Promise<T>): Promise<T | Reason> {
  return await work().catch((fault: unknown) => {
    if (!(fault instanceof Problem)) throw fault
    return reason('datastore/unusable', { why: story(fault).slice(0, 300) })
  })
}
