/** The tables in the kernel: loaded whole the first time, then by their differences. */

import { isObject } from '#base/json.ts'
import type { Tools } from '../tools.ts'
import { differenceText, goneText, wholeText, type Sheet } from './sheet.ts'

const families = ['inet', 'netdev'] as const

export class RuleTables {
  readonly #tools: Tools
  readonly #table: string
  #loaded: readonly Sheet[] | undefined

  constructor(tools: Tools, table: string) {
    this.#tools = tools
    this.#table = table
  }

  get areLoaded() {
    return this.#loaded !== undefined
  }

  /**
   * One transaction for all sheets. `isWhole`: something beneath the rules changed, such as an interface, which may
   * have taken a chain with it.
   */
  async load(sheets: readonly Sheet[], isWhole: boolean): Promise<void> {
    const before = isWhole ? undefined : this.#loaded
    const differences =
      before === undefined ? [undefined] : sheets.map((sheet, at) => differenceFrom(before[at], sheet))
    if (differences.every((text) => text !== undefined)) {
      const text = differences.join('')
      if (text === '' && (await this.#areThere())) return
      // What is there may differ from what we remember: then the whole sets it right.
      const { status } = text === '' ? { status: 1 } : await this.#tools.run('nft', ['-f', '-'], text)
      if (status === 0) return void (this.#loaded = sheets)
    }
    this.#loaded = undefined
    await this.#tools.must('nft', ['-f', '-'], sheets.map(wholeText).join(''))
    this.#loaded = sheets
  }

  async drop(): Promise<void> {
    this.#loaded = undefined
    const text = families.map((family) => goneText({ family, table: this.#table })).join('')
    await this.#tools.must('nft', ['-f', '-'], text)
  }

  /** Others may flush all rules of the host: `systemctl restart nftables` does. */
  async #areThere(): Promise<boolean> {
    if (this.#loaded === undefined) return false
    const said: unknown = JSON.parse((await this.#tools.must('nft', ['-j', 'list', 'tables'])) || '{}')
    const listed = isObject(said) && Array.isArray(said.nftables) ? said.nftables : []
    const names = listed
      .filter(isObject)
      .map(({ table }) => (isObject(table) ? `${table.family} ${table.name}` : ''))
    const there = new Set(names)
    return families.every((family) => there.has(`${family} ${this.#table}`))
  }
}

const differenceFrom = (before: Sheet | undefined, after: Sheet) =>
  before === undefined ? undefined : differenceText(before, after)
