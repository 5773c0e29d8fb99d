/** Everything by chance in a run, from one number: each part has its own stream, so that one more draw here moves nothing there. */

import { randomFrom, wholeFrom, type Random } from '#base/random.ts'

export type Chances = {
  readonly stream: (name: string) => Random
}

/** FNV-1a: the name of a stream as a number. */
const hashed = (text: string) =>
  Array.from(text).reduce((sum, mark) => Math.imul(sum ^ mark.charCodeAt(0), 16_777_619), 2_166_136_261)

export const chancesFrom = (seed: number): Chances => ({
  stream: (name) => randomFrom(Math.imul(seed, 2_654_435_761) ^ hashed(name)),
})

/** Ids as `randomUUID` makes them, by chance from a stream. */
export const idsFrom = (random: Random) => () => {
  const digits = (count: number) =>
    Array.from({ length: count }, () => wholeFrom(random, 16).toString(16)).join('')
  return `${digits(8)}-${digits(4)}-4${digits(3)}-8${digits(3)}-${digits(12)}`
}

export const wordsFrom = (random: Random) => () =>
  Array.from({ length: 10 }, () => wholeFrom(random, 36).toString(36)).join('')

/** True once in so many times. */
export const onceIn = (random: Random, times: number) => times > 0 && random() * times < 1
