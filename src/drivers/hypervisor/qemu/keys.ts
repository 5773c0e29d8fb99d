/** Keys by their QEMU names (`QKeyCode`, qemu.org QMP reference), as they come from people. */

import { Problem } from '#model/problem.ts'
import type { Commands } from './qmp/schema.gen.ts'

type Keys = Commands['send-key']['arguments']['keys']

/** Pressed together, released together. Problem `request/invalid` for what cannot be a key's name. */
export function keysFrom(keys: readonly string[]): Keys {
  if (keys.length === 0 || keys.length > 8 || keys.some((key) => !/^[a-z0-9_]{1,32}$/.test(key)))
    throw new Problem('request/invalid', { field: 'keys', why: 'must be one to eight names of keys' })
  return keys.map((data) => ({ type: 'qcode', data })) as Keys
}
