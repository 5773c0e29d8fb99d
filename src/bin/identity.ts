/** What the supervisor keeps of who is who: the administrator's token, and the name of this host. */

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Layout } from './layout.ts'

/** Writes a file whole or not at all, for its owner only. */
export function keep(file: string, text: string) {
  const draft = `${file}.new`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, file)
}

const kept = (file: string) => {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

/** The local administrator's token, made at the first start: 256 random bits. */
export function ensureToken({ tokenFile }: Layout): string {
  const before = kept(tokenFile)
  if (/^[\w-]{43}$/.test(before)) return before
  const token = randomBytes(32).toString('base64url')
  keep(tokenFile, `${token}\n`)
  return token
}

export const hashOf = (token: string) => createHash('sha256').update(token).digest('hex')

/** A name by our rules, made from the machine's own. */
export const nameFrom = (text: string) =>
  (text.split('.')[0] ?? '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, limits.nameChars)
    .replace(/^-+|-+$/g, '') || 'host'

/**
 * The name of this host in the pool. It stays as it was at the first start, also when the machine is
 * renamed: guests and volumes are known to be here by it.
 */
export function ensureHostName({ hostFile }: Layout, told: string | undefined): string {
  const before = kept(hostFile)
  if (before !== '' && told !== undefined && told !== before) {
    throw new Problem('setting/invalid', { setting: 'name', why: `this data belongs to host ${before}` })
  }
  if (before !== '') return before
  const name = told ?? nameFrom(hostname())
  keep(hostFile, `${name}\n`)
  return name
}
