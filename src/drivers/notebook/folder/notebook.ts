/**
 * A notebook of one small file a note: written beside, made durable, renamed into place, so that a note
 * is whole or as it was. Read once at start; a note that cannot be read is set aside, never guessed.
 */

import { mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Json } from '#base/json.ts'
import { assert } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'
import type { Notebook } from '../port.ts'

const keyForm = /^[a-z0-9-]{1,64}(\/[A-Za-z0-9-]{1,64}){1,2}$/

export class FolderNotebook implements Notebook {
  readonly name = 'folder'
  readonly #folder: string
  readonly #notes = new Map<string, string>()
  readonly #writing = new Map<string, Promise<void>>()

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.json')) this.#read(file)
    }
  }

  get(key: string): Json | undefined {
    const text = this.#notes.get(key)
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  }

  keys(folder: string) {
    return [...this.#notes.keys()].filter((key) => key.startsWith(`${folder}/`))
  }

  async put(key: string, value: Json) {
    assert(keyForm.test(key), `a notebook key of our own form, not ${key}`)
    const text = JSON.stringify(value)
    await this.#inTurn(key, async () => {
      if (this.#notes.get(key) === text) return
      await this.#write(key, text)
      this.#notes.set(key, text)
    })
  }

  async remove(key: string) {
    assert(keyForm.test(key), `a notebook key of our own form, not ${key}`)
    await this.#inTurn(key, async () => {
      await translated(() => rm(this.#fileOf(key), { force: true }))
      this.#notes.delete(key)
    })
  }

  #fileOf(key: string) {
    return join(this.#folder, `${key}.json`)
  }

  #read(file: string) {
    const path = join(this.#folder, file)
    const text = readFileSync(path, 'utf8')
    try {
      JSON.parse(text)
      this.#notes.set(file.slice(0, -'.json'.length), text)
    } catch {
      renameSync(path, `${path}.unreadable`)
    }
  }

  async #write(key: string, text: string) {
    const path = this.#fileOf(key)
    await translated(async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const draft = await open(`${path}.draft`, 'w', 0o600)
      try {
        await draft.writeFile(text)
        await draft.sync()
      } finally {
        await draft.close()
      }
      await rename(`${path}.draft`, path)
      await syncFolder(dirname(path))
    })
  }

  async #inTurn(key: string, work: () => Promise<void>) {
    const turn = (this.#writing.get(key) ?? Promise.resolve()).then(work, work)
    this.#writing.set(key, turn)
    await turn.finally(() => {
      if (this.#writing.get(key) === turn) this.#writing.delete(key)
    })
  }
}

async function syncFolder(folder: string) {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function translated(work: () => Promise<void>) {
  try {
    await work()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new Problem('store/full', {}, { cause })
    throw new Problem('store/failing', { why: code }, { cause })
  }
}
