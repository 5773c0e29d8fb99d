/** Keys of encrypted volumes, as they came with the volumes' wishes. Secrets: handed to drivers, never told. */

import { isObject } from '#base/json.ts'
import type { Wishes } from './wishes.ts'

/** All keys that the volume and what it stands on need, by name. */
export function keysOf(wishes: Wishes, volume: string): Readonly<Record<string, string>> {
  const document = wishes.get('volume', volume)?.document as { readonly keys?: unknown } | undefined
  if (!isObject(document?.keys)) return {}
  const known = Object.entries(document.keys).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  return Object.fromEntries(known)
}
