/** Promises that our own code makes to itself. A broken one is a bug, never an operating error. */

export class Bug extends Error {
  override readonly name = 'Bug'
}

export function assert(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new Bug(promise)
}

/** Closes an exhaustive switch: a variant that nobody handles does not compile. */
export function unreachable(value: never): never {
  throw new Bug(`unreachable: ${JSON.stringify(value)}`)
}

/** The value, where our own code promises that there is one. */
export function present<T>(value: T | undefined | null, promise: string): T {
  if (value === undefined || value === null) throw new Bug(promise)
  return value
}
