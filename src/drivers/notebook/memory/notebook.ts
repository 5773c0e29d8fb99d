/** A notebook in memory: for the simulator, where it outlives the simulated agent. */

import type { Json } from '#base/json.ts'
import type { Notebook } from '../port.ts'

export class MemoryNotebook implements Notebook {
  readonly name = 'memory'
  readonly #notes = new Map<string, string>()

  get(key: string): Json | undefined {
    const text = this.#notes.get(key)
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  }

  keys(folder: string) {
    return [...this.#notes.keys()].filter((key) => key.startsWith(`${folder}/`))
  }

  async put(key: string, value: Json) {
    this.#notes.set(key, JSON.stringify(value))
  }

  async remove(key: string) {
    this.#notes.delete(key)
  }
}
