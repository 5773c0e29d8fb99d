/**
 * Secrets within wishes (I-45): written by people, read by agents, never shown again. Wherever a document leaves
 * Decant a mark stands for each; a mark that is written back keeps what is there.
 */

import { isObject } from '#base/json.ts'

export const secretMark = '<secret>'
/** In records of changes, so that one can tell that it changed. */
export const changedMark = '<secret, changed>'

type Paths = readonly string[] | undefined
type Turn = (value: unknown, counterpart: unknown, path: string) => unknown

const isSecret = (value: unknown): value is string => typeof value === 'string' && value !== ''

/** The spec with marks for its secrets. `before`: what it is compared with; what differs is marked as changed. */
export function concealed<Spec>(paths: Paths, spec: Spec, before?: unknown): Spec {
  const mark: Turn = (value, counterpart) =>
    !isSecret(value) ? value : before === undefined || counterpart === value ? secretMark : changedMark
  return turned(paths, spec, before, mark)
}

/**
 * The spec with what is there for its marks. `refuse` is told of each mark for which nothing is there, by its path.
 * Parts of lists are known by `name`, `path`, or their place.
 */
export function restored<Spec>(
  paths: Paths,
  spec: Spec,
  before: unknown,
  refuse: (path: string) => never,
): Spec {
  const unmark: Turn = (value, counterpart, path) => {
    if (value !== secretMark && value !== changedMark) return value
    return isSecret(counterpart) ? counterpart : refuse(path)
  }
  return turned(paths, spec, before, unmark)
}

/** Whether a field, by its path in the spec, is a secret or holds or lies in one. */
export const touchesSecret = (paths: Paths, path: string): boolean =>
  (paths ?? []).some((secret) => {
    const [a, b] = [secret.split('.').filter((name) => name !== '[]'), path.split('.').filter(isNoPlace)]
    return a.slice(0, b.length).join('.') === b.slice(0, a.length).join('.')
  })

const isNoPlace = (name: string) => !/^\d+$/.test(name)

const turned = <Spec>(paths: Paths, spec: Spec, before: unknown, turn: Turn): Spec =>
  (paths ?? []).reduce<unknown>(
    (now, path) => turnedAt({ value: now, counterpart: before, path: '' }, path.split('.'), turn),
    spec,
  ) as Spec

type Place = { readonly value: unknown; readonly counterpart: unknown; readonly path: string }

function turnedAt(
  { value, counterpart, path }: Place,
  [name, ...rest]: readonly string[],
  turn: Turn,
): unknown {
  if (name === undefined) return turn(value, counterpart, path)
  if (name === '[]') {
    if (!Array.isArray(value)) return value
    return value.map((each: unknown, place) =>
      turnedAt(
        { value: each, counterpart: peerOf(each, place, counterpart), path: `${path}.${place}` },
        rest,
        turn,
      ),
    )
  }
  if (!isObject(value) || !Object.hasOwn(value, name)) return value
  const there = isObject(counterpart) && Object.hasOwn(counterpart, name) ? counterpart[name] : undefined
  const field = turnedAt(
    { value: value[name], counterpart: there, path: path === '' ? name : `${path}.${name}` },
    rest,
    turn,
  )
  return field === value[name] ? value : { ...value, [name]: field }
}

function peerOf(part: unknown, place: number, peers: unknown): unknown {
  if (!Array.isArray(peers)) return undefined
  for (const key of ['name', 'path'])
    if (isObject(part) && typeof part[key] === 'string')
      return peers.find((peer: unknown) => isObject(peer) && peer[key] === part[key])
  return peers[place]
}
