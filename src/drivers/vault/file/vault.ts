/** A vault whose key lies in a file of mode 0600: AES-256-GCM (NIST SP 800-38D) with a random nonce for each sealing. */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { closeSync, constants, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Vault } from '../port.ts'

const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const mark = 'v1.'

/** Opens the key file, or makes it: whole or not at all. A file that is no key is an error, never replaced. */
export function openVault(file: string): Vault {
  return vaultWith(readKey(file) ?? makeKey(file))
}

export function vaultWith(key: Uint8Array): Vault {
  return {
    newKey: () => randomBytes(keyBytes).toString('base64url'),
    seal: (plain, purpose) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return mark + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
    },
    open: (sealed, purpose) => {
      if (!sealed.startsWith(mark)) return undefined
      const bytes = Buffer.from(sealed.slice(mark.length), 'base64url')
      if (bytes.length < nonceBytes + tagBytes) return undefined
      const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const body = cipher.update(bytes.subarray(nonceBytes + tagBytes))
        return Buffer.concat([body, cipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}

function readKey(file: string): Uint8Array | undefined {
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const key = Buffer.from(readFileSync(descriptor, 'utf8').trim(), 'base64url')
      if (key.length !== keyBytes) throw new Error(`${file} holds no key`)
      return key
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function makeKey(file: string): Uint8Array {
  const key = randomBytes(keyBytes)
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  const descriptor = openSync(draft, 'wx', 0o600)
  try {
    writeSync(descriptor, `${key.toString('base64url')}\n`)
    fsyncSync(descriptor)
    // Not renamed: a key that somebody else made meanwhile must not be lost.
    linkSync(draft, file)
  } finally {
    closeSync(descriptor)
    rmSync(draft, { force: true })
  }
  const folder = openSync(dirname(file), constants.O_RDONLY)
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
  return key
}
