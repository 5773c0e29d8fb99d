/**
 * The note of what this driver made on the host, written before it is made: only that is ever taken away again
 * (I-20, I-23). It dies with the host's boot, as all that it names does.
 */

import { readFileSync, renameSync, writeFileSync, openSync, fsyncSync, closeSync } from 'node:fs'
import { join } from 'node:path'

type Note = {
  readonly boot: string
  /** Names of interfaces. */
  readonly interfaces: readonly string[]
  /** Switches of the kernel by path, as they were before. */
  readonly switches: Readonly<Record<string, string>>
}

const fileName = 'made.json'

export class Made {
  readonly #file: string
  #note: Note

  constructor(folder: string, boot: string) {
    this.#file = join(folder, fileName)
    const found = read(this.#file)
    this.#note = found?.boot === boot ? found : { boot, interfaces: [], switches: {} }
  }

  get interfaces(): readonly string[] {
    return this.#note.interfaces
  }

  get switches(): Readonly<Record<string, string>> {
    return this.#note.switches
  }

  willMake(names: readonly string[]) {
    const interfaces = [...new Set([...this.#note.interfaces, ...names])]
    if (interfaces.length > this.#note.interfaces.length) this.#write({ ...this.#note, interfaces })
  }

  removed(names: readonly string[]) {
    if (names.length === 0) return
    const interfaces = this.#note.interfaces.filter((name) => !names.includes(name))
    this.#write({ ...this.#note, interfaces })
  }

  willSwitch(path: string, before: string) {
    if (Object.hasOwn(this.#note.switches, path)) return
    this.#write({ ...this.#note, switches: { ...this.#note.switches, [path]: before } })
  }

  switchedBack(path: string) {
    const { [path]: _, ...switches } = this.#note.switches
    this.#write({ ...this.#note, switches })
  }

  #write(note: Note) {
    const temporary = `${this.#file}.new`
    writeFileSync(temporary, JSON.stringify(note), { mode: 0o600 })
    const file = openSync(temporary, 'r')
    fsyncSync(file)
    closeSync(file)
    renameSync(temporary, this.#file)
    this.#note = note
  }
}

function read(file: string): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(file, 'utf8')) as Partial<Note>
    const { boot, interfaces, switches } = note
    return typeof boot === 'string' && Array.isArray(interfaces) && typeof switches === 'object'
      ? { boot, interfaces, switches }
      : undefined
  } catch {
    return undefined
  }
}
