/** Numbers for names: a figure and a subject cost two bytes a row, not forty. */

import type { DatabaseSync } from 'node:sqlite'
import { figureNamed, type Subject } from '#model/metrics.ts'
import type { Dictionary } from './block.ts'

/** A block has 15 bits for a figure; those that are known and all parts of all hosts stay far below. */
const figuresAtMost = 30_000

export class Names implements Dictionary {
  readonly #db: DatabaseSync
  readonly #ids = new Map<string, number>()
  readonly #names = new Map<number, string>()
  readonly #subjects = new Map<string, number>()

  constructor(db: DatabaseSync) {
    this.#db = db
    this.read()
  }

  /** Anew from the file: after a transaction that was rolled back. */
  read() {
    for (const map of [this.#ids, this.#names, this.#subjects]) map.clear()
    for (const { id, name } of this.#db.prepare('SELECT id, name FROM figure').all()) {
      this.#ids.set(String(name), Number(id))
      this.#names.set(Number(id), String(name))
    }
    for (const { id, kind, uuid } of this.#db.prepare('SELECT id, kind, uuid FROM subject').all())
      this.#subjects.set(`${String(kind)}/${String(uuid)}`, Number(id))
  }

  get hasRoom() {
    return this.#ids.size < figuresAtMost
  }

  knows(name: string) {
    return this.#ids.has(name)
  }

  idOf(name: string): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const id = Number(this.#db.prepare('INSERT INTO figure (name) VALUES (?)').run(name).lastInsertRowid)
    this.#ids.set(name, id)
    this.#names.set(id, name)
    return id
  }

  nameOf(id: number) {
    return this.#names.get(id)
  }

  hasExtremes(name: string) {
    return (figureNamed('machine', name) ?? figureNamed('host', name))?.hasExtremes ?? true
  }

  get subjects(): ReadonlyMap<string, number> {
    return this.#subjects
  }

  subject({ kind, id: uuid }: Subject): number {
    const key = `${kind}/${uuid}`
    const known = this.#subjects.get(key)
    if (known !== undefined) return known
    const made = this.#db.prepare('INSERT INTO subject (kind, uuid) VALUES (?, ?)').run(kind, uuid)
    const id = Number(made.lastInsertRowid)
    this.#subjects.set(key, id)
    return id
  }

  forget(key: string, id: number) {
    this.#db.prepare('DELETE FROM subject WHERE id = ?').run(id)
    this.#subjects.delete(key)
  }
}
