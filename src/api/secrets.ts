/** Secrets as the API makes and keeps them: 256 random bits, only their hash is stored. */

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** 43 characters of base64url. */
export const newSecret = () => randomBytes(32).toString('base64url')

export const tokenPrefix = 'decant_'

/** Compares two hashes, taking the same time wherever they differ. */
export const sameHash = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

/** The value that the console sends back with each change; made from the session's secret, so not stored. */
export const csrfFor = (secret: string) => createHash('sha256').update(`csrf\0${secret}`).digest('base64url')
