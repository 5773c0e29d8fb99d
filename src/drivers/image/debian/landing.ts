/**
 * What has come of a content so far, kept over restarts of everybody: `content`, and `mark.json` that says how much of it
 * is safe on the disk and where it comes from. The mark is written after the bytes, so it never says too much.
 */

import { constants } from 'node:fs'
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { limits } from '#model/limits.ts'

const Mark = z.strictObject({
  bytes: z.int().min(0),
  /** Length of the whole, where known. */
  total: z.int().min(0).nullable(),
  /** Address that it comes from, and what names this very version of it there; empty: it is sent. */
  url: z.string(),
  tag: z.string(),
})
export type Mark = z.output<typeof Mark>

const nothing: Mark = { bytes: 0, total: null, url: '', tag: '' }

export class Landing {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  get file() {
    return join(this.#folder, 'content')
  }

  /** What is there; nothing when it is older than a day or cannot be read. */
  async mark(): Promise<Mark> {
    try {
      const { mtimeMs } = await stat(this.#mark)
      if (Date.now() - mtimeMs > limits.landingKeepMs) throw new Error('too old')
      const mark = Mark.parse(JSON.parse(await readFile(this.#mark, 'utf8')))
      if ((await stat(this.file)).size < mark.bytes) throw new Error('shorter than it says')
      return mark
    } catch {
      await this.clear()
      return nothing
    }
  }

  async setMark(mark: Mark) {
    const temporary = `${this.#mark}.new`
    await writeFile(temporary, JSON.stringify(mark), { mode: 0o600, flush: true })
    await rename(temporary, this.#mark)
  }

  /** Open for reading and writing; `isNew`: what was there is gone. */
  async open(isNew: boolean) {
    if (isNew) await this.clear()
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW
    return await open(this.file, flags, 0o600)
  }

  /** The mark goes first: bytes without one are nothing. */
  async clear() {
    for (const name of ['mark.json', 'mark.json.new', 'content'])
      await rm(join(this.#folder, name), { force: true })
  }

  get #mark() {
    return join(this.#folder, 'mark.json')
  }
}
