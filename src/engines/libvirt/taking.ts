/**
 * Reads a document so that nothing is passed over in silence: what was taken is marked, and whatever was not is
 * told with its path and value.
 */

import { childrenOf, type XmlElement } from '#base/xml.ts'

/** Why something of a foreign description is not in the machine, and where it stood. */
export type NotCarried = {
  /** Such as `/domain/devices/sound[1]` or `/domain/cpu/@check`. */
  readonly path: string
  readonly value: string
  /** `lost`: the machine is without it; `changed`: it has something like it; `own`: Decant decides that itself. */
  readonly how: 'lost' | 'changed' | 'own'
  readonly why: string
}

const valueChars = 120

export class Taking {
  readonly #paths = new Map<XmlElement, string>()
  readonly #taken = new Set<string>()
  readonly #notes: NotCarried[] = []
  readonly #root: XmlElement

  constructor(root: XmlElement) {
    this.#root = root
    this.#name(root, `/${root.name}`)
  }

  #name(element: XmlElement, path: string) {
    this.#paths.set(element, path)
    for (const child of element.children) {
      const name = child.name
      const namesakes = childrenOf(element, name)
      const place = namesakes.length > 1 ? `[${namesakes.indexOf(child) + 1}]` : ''
      this.#name(child, `${path}/${name}${place}`)
    }
  }

  path(element: XmlElement): string {
    return this.#paths.get(element) ?? ''
  }

  /** An attribute's value; it counts as carried. */
  attribute(element: XmlElement | undefined, name: string): string | undefined {
    if (element === undefined) return undefined
    this.#taken.add(`${this.path(element)}/@${name}`)
    return element.attributes.get(name)
  }

  /** Its text; it counts as carried. */
  text(element: XmlElement | undefined): string | undefined {
    if (element === undefined) return undefined
    this.#taken.add(this.path(element))
    return element.text
  }

  child(element: XmlElement | undefined, name: string): XmlElement | undefined {
    return this.children(element, name)[0]
  }

  /** Children of a name; that they are there counts as carried, what is in them does not. */
  children(element: XmlElement | undefined, name: string): readonly XmlElement[] {
    const found = childrenOf(element, name)
    for (const each of found) this.#taken.add(this.path(each))
    return found
  }

  /** Says of one thing, and of all within it, why it is not in the machine. */
  leave(element: XmlElement | undefined, how: NotCarried['how'], why: string) {
    if (element === undefined) return
    this.#notes.push({ path: this.path(element), value: brief(element), how, why })
    this.#takeWhole(element)
  }

  leaveAttribute(element: XmlElement | undefined, name: string, how: NotCarried['how'], why: string) {
    const value = this.attribute(element, name)
    if (element === undefined || value === undefined) return
    this.#notes.push({ path: `${this.path(element)}/@${name}`, value: value.slice(0, valueChars), how, why })
  }

  #takeWhole(element: XmlElement) {
    this.#taken.add(this.path(element))
    for (const name of element.attributes.keys()) this.#taken.add(`${this.path(element)}/@${name}`)
    for (const child of element.children) this.#takeWhole(child)
  }

  /** Everything that was left out, in the order of the document; what nobody looked at is lost. */
  notCarried(): NotCarried[] {
    const left: NotCarried[] = []
    this.#sweep(this.#root, left)
    return [...this.#notes, ...left]
  }

  #sweep(element: XmlElement, left: NotCarried[]) {
    const path = this.path(element)
    const unknown = 'Decant has nothing for it'
    if (!this.#taken.has(path) && element !== this.#root) {
      left.push({ path, value: brief(element), how: 'lost', why: unknown })
      return
    }
    for (const [name, value] of element.attributes) {
      if (this.#taken.has(`${path}/@${name}`) || name.startsWith('xmlns')) continue
      left.push({ path: `${path}/@${name}`, value: value.slice(0, valueChars), how: 'lost', why: unknown })
    }
    for (const child of element.children) this.#sweep(child, left)
  }
}

/** An element in a few characters. */
function brief({ name, attributes, text, children }: XmlElement): string {
  const said = Array.from(attributes, ([key, value]) => `${key}=${value}`)
  const within = children.map((child) => child.name)
  return [name, ...said, text, ...within]
    .filter((part) => part !== '')
    .join(' ')
    .slice(0, valueChars)
}
