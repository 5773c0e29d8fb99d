/** What each project takes, counted from the replica as it changes; nobody has to count down. */

import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { minus, nothing, plus, usageOf, type Usage } from '#engines/admission/usage.ts'
import type { Replica } from '#runtime/replica.ts'

export class Tally {
  readonly #replica: Replica
  readonly #projects = new Map<string, Usage>()
  /** What each object was counted with, so that exactly that is taken off again. */
  readonly #counted = new Map<string, { readonly project: string; readonly usage: Usage }>()
  readonly stop: () => void

  constructor(replica: Replica, kinds: readonly Kind[]) {
    this.#replica = replica
    for (const kind of kinds) {
      for (const { document } of replica.all(kind.name)) this.#count(document.id, document)
    }
    this.stop = replica.onChange((seen) => {
      for (const { id, after } of seen) this.#count(id, after?.document)
    })
  }

  of(project: string): Usage {
    return this.#projects.get(project) ?? nothing
  }

  #count(id: string, document: Document | undefined) {
    const before = this.#counted.get(id)
    if (before !== undefined) {
      this.#set(before.project, minus(this.of(before.project), before.usage))
      this.#counted.delete(id)
    }
    if (document === undefined || document.project === null) return
    const find = (kind: string, project: string | null, name: string) =>
      this.#replica.find(kind, project, name)?.document
    const usage = usageOf(document, find)
    if (usage === nothing) return
    this.#counted.set(id, { project: document.project, usage })
    this.#set(document.project, plus(this.of(document.project), usage))
  }

  #set(project: string, usage: Usage) {
    const isNothing = Object.values(usage).every((amount) => amount === 0)
    if (isNothing) this.#projects.delete(project)
    else this.#projects.set(project, usage)
  }
}
