/** What happened in a run, for people who look for the cause: the last lines, each with time and step. */

const kept = 400

export class Journal {
  readonly #lines: string[] = []
  readonly #when: () => string

  constructor(when: () => string) {
    this.#when = when
  }

  note(line: string) {
    this.#lines.push(`${this.#when()} ${line}`)
    if (this.#lines.length > 2 * kept) this.#lines.splice(0, kept)
  }

  get lines(): readonly string[] {
    return this.#lines.slice(-kept)
  }
}
