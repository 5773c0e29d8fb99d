/** How far a build is, told from what mmdebstrap and apt say on the way. */

import type { Report } from '#drivers/image/port.ts'

/** When each part begins, of the whole time, as measured on a shared machine without kept packages. */
const parts = {
  lists: 0.02,
  download: 0.05,
  essential: 0.07,
  rest: 0.15,
  finish: 0.88,
  fileSystem: 0.9,
  grub: 0.93,
}
export type Part = keyof typeof parts

const steps: Readonly<Record<Part, string>> = {
  lists: 'Fetching the package lists of Debian',
  download: 'Downloading the essential packages',
  essential: 'Unpacking the essential packages',
  rest: 'Downloading and installing packages',
  finish: 'Setting up how it boots',
  fileSystem: 'Making the file system',
  grub: 'Putting GRUB in place',
}

const heard: readonly (readonly [says: string, part: Part])[] = [
  ['I: running apt-get update', 'lists'],
  ['I: downloading packages', 'download'],
  ['I: extracting archives', 'essential'],
  ['I: installing remaining packages', 'rest'],
  ['I: running --customize-hook', 'finish'],
]

export class Story {
  readonly #report: Report
  readonly #sinceMs = performance.now()
  #part: Part = 'lists'
  #fraction = 0
  /** Packages that apt said it would install, and how often one was unpacked or set up. */
  #planned = 0
  #done = 0

  constructor(report: Report) {
    this.#report = report
  }

  /** A part begins, or is so far: from 0 to 1. */
  at(part: Part, share = 0) {
    const order = Object.keys(parts) as Part[]
    const next = order[order.indexOf(part) + 1]
    const end = next === undefined ? 0.95 : parts[next]
    this.#part = part
    this.#fraction = Math.max(this.#fraction, parts[part] + Math.min(1, share) * (end - parts[part]))
    const passed = (performance.now() - this.#sinceMs) / 1000
    const left = Math.ceil((passed / this.#fraction) * (1 - this.#fraction))
    this.#report({
      step: steps[part],
      fraction: this.#fraction,
      etaSeconds: this.#fraction > 0.1 ? left : null,
    })
  }

  /** One line of mmdebstrap or apt. What it says is not passed on: scripts of packages write there too. */
  hear(line: string) {
    const begun = heard.find(([says]) => line.startsWith(says))
    if (begun !== undefined) {
      if (begun[1] === 'rest') this.#done = 0
      return this.at(begun[1])
    }
    const planned = /^\d+ upgraded, (\d+) newly installed/.exec(line)?.[1]
    if (planned !== undefined) this.#planned = Number(planned)
    if (this.#part !== 'rest' || this.#planned === 0) return
    if (!/^(Unpacking|Setting up) /.test(line)) return
    this.#done += 1
    this.at('rest', this.#done / (2 * this.#planned))
  }
}
