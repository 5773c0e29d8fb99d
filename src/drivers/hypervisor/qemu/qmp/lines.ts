/** Cuts a stream of bytes into lines, none longer than a bound. */

export class Lines {
  readonly #longest: number
  #rest = Buffer.alloc(0)
  /** A line was too long; nothing more will come out. */
  isBroken = false

  constructor(longestBytes: number) {
    this.#longest = longestBytes
  }

  /** The lines that are now whole, without their ends. */
  push(bytes: Buffer): string[] {
    if (this.isBroken) return []
    const lines: string[] = []
    let from = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
      lines.push(Buffer.concat([this.#rest, bytes.subarray(from, end)]).toString('utf8'))
      this.#rest = Buffer.alloc(0)
      from = end + 1
    }
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(from)])
    this.isBroken = this.#rest.length > this.#longest || lines.some((line) => line.length > this.#longest)
    return this.isBroken ? [] : lines
  }
}
