/** Whether a server lets root be root: guests have users of their own, and their files are given to them. */

import { randomBytes } from 'node:crypto'
import { chown, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A user that no account has, as guests get them. */
const someGuestUid = 0x7000_0100

/** Tried on a small file of our own. */
export async function isSquashed(folder: string): Promise<boolean> {
  const file = join(folder, `probe-${randomBytes(8).toString('hex')}`)
  try {
    await writeFile(file, '', { flag: 'wx', mode: 0o600 })
    await chown(file, someGuestUid, someGuestUid)
    return (await stat(file)).uid !== someGuestUid
  } catch (error) {
    if (['EPERM', 'EACCES', 'EINVAL'].includes((error as NodeJS.ErrnoException)?.code ?? '')) return true
    throw error
  } finally {
    await rm(file, { force: true }).catch(() => undefined)
  }
}
