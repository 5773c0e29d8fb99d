/**
 * A user of its own for each guest, so that one that breaks out finds nothing of the others'. Numbers come
 * from a range that no account has; which is taken is noted host-wide, for several Decants may run here.
 */

import { mkdirSync, existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '#model/problem.ts'

const firstUid = 1_879_049_088
const lastUid = firstUid + 2 ** 20 - 1
const fileName = 'uid'

export type Uids = {
  /** The guest's user; the same as before, as long as nobody else took it after a restart of the host. */
  of(runFolder: string): number
  release(runFolder: string): void
}

/** A folder that is empty after each restart of the host, shared by all Decants on it. */
const usualLedger = '/run/decant/uids'

export function uidsIn(ledger = usualLedger): Uids {
  const claim = (uid: number, runFolder: string): boolean => {
    const file = join(ledger, String(uid))
    try {
      writeFileSync(file, runFolder, { flag: 'wx', mode: 0o600 })
      return true
    } catch {
      const holder = textOf(file)
      if (holder === runFolder) return true
      if (holder === undefined || existsSync(holder)) return false
      rmSync(file, { force: true })
      return claim(uid, runFolder)
    }
  }
  const kept = (runFolder: string) => Number(textOf(join(runFolder, fileName)) ?? NaN)
  return {
    of: (runFolder) => {
      mkdirSync(ledger, { recursive: true, mode: 0o700 })
      mkdirSync(runFolder, { recursive: true, mode: 0o755 })
      const before = kept(runFolder)
      if (isGuestUid(before) && claim(before, runFolder)) return before
      for (let uid = firstUid; uid <= lastUid; uid += 1) {
        if (!claim(uid, runFolder)) continue
        writeFileSync(join(runFolder, fileName), String(uid), { mode: 0o600 })
        return uid
      }
      throw new Problem('guest/spawn', { why: 'every user number for guests is taken' })
    },
    release: (runFolder) => {
      const uid = kept(runFolder)
      if (isGuestUid(uid) && textOf(join(ledger, String(uid))) === runFolder)
        rmSync(join(ledger, String(uid)), { force: true })
    },
  }
}

/** Strikes all users out whose run folders lay under `folder`, which is gone; the ledger with the last. */
export function forgetUids(folder: string, ledger = usualLedger): void {
  if (!existsSync(ledger)) return
  for (const name of readdirSync(ledger)) {
    const file = join(ledger, name)
    if (textOf(file)?.startsWith(`${folder}/`) === true) rmSync(file, { force: true })
  }
  for (const each of [ledger, dirname(ledger)]) if (readdirSync(each).length === 0) rmdirSync(each)
}

/** Whether this is the user of a guest, of whichever Decant on this host. */
export const isGuestUid = (uid: number) => uid >= firstUid && uid <= lastUid

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
