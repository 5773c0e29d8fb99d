/**
 * What an agent writes down for itself on its own disk, so that it can go on without the controller:
 * the wishes it was given and what it has done about them. Small JSON notes by key.
 */

import type { Json } from '#base/json.ts'

export interface Notebook {
  readonly name: string
  /** Keys are `folder/name`, each part of letters, digits and hyphens. */
  get(key: string): Json | undefined
  keys(folder: string): readonly string[]
  /** Durable when it resolves; problem `store/full` or `store/failing` otherwise, and nothing changed. */
  put(key: string, value: Json): Promise<void>
  remove(key: string): Promise<void>
}
