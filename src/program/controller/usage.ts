/** Writes into each project's status what it takes, for people; quota itself is guarded at admission. */

import { same } from '#base/json.ts'
import type { Stored } from '#model/document.ts'
import { nothing, plus, usageOf, type Usage } from '#engines/admission/usage.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { ProjectStatus } from '#kinds/project/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import { edited } from './documents.ts'

/** Many changes become one write: figures are this late at most, in milliseconds. */
const lateMs = 1_000
const counted = ['machine', 'volume'] as const

export class ProjectUsage {
  readonly #replica: Replica
  readonly #clock: Clock
  readonly #due = new Set<string>()

  /** Needs the indexes `machine-in` and `volume-in` by project. */
  constructor(replica: Replica, clock: Clock) {
    this.#replica = replica
    this.#clock = clock
  }

  /** Counts every project once, then each in which something changes. */
  follow() {
    for (const { document } of this.#replica.all('project')) this.#count(document.name)
    this.#replica.onChange((seen) => {
      for (const { kind, before, after } of seen) {
        const project = (after ?? before)?.document.project ?? null
        if (project !== null && (kind === 'machine' || kind === 'volume') && isNews(before, after))
          this.#count(project)
      }
    })
  }

  #count(project: string) {
    if (this.#due.has(project)) return
    this.#due.add(project)
    this.#clock.after(lateMs, () => {
      this.#due.delete(project)
      void this.#write(project).catch(() => this.#count(project))
    })
  }

  async #write(name: string) {
    const stored = this.#replica.find('project', null, name)
    if (stored === undefined) return
    const used = this.#sum(name)
    await edited(this.#replica, stored.document, (document) => ({
      ...document,
      status: { ...(document.status as ProjectStatus), used },
    }))
  }

  #sum(project: string): Usage {
    const find = (kind: string, of: string | null, name: string) =>
      this.#replica.find(kind, of, name)?.document
    return counted
      .flatMap((kind) => this.#replica.by(`${kind}-in`, project))
      .reduce((sum, { document }) => plus(sum, usageOf(document, find)), nothing)
  }
}

/** A status alone changes nothing of what is taken. */
const isNews = (before: Stored | undefined, after: Stored | undefined) =>
  before === undefined || after === undefined || !same(before.document.spec, after.document.spec)
