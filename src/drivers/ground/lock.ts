/**
 * One program at a time uses a folder's data. The lock is an open write transaction on an empty database
 * beside the data: the kernel gives it back however its holder ends (kill -9, crash), so that none is ever stale,
 * it needs no room on the disk, and SQLite sees it within one process as well.
 */

import { readFileSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { Problem } from '#model/problem.ts'
import { createFile, problemFrom } from './sqlite.ts'

/** Takes the lock at `path` until the returned function is called. Problem `store/locked` with the holder's pid. */
export function lock(path: string): () => void {
  try {
    createFile(path)
    const db = new DatabaseSync(path)
    return take(db, path)
  } catch (error) {
    throw problemFrom(error, path)
  }
}

function take(db: DatabaseSync, path: string): () => void {
  try {
    db.exec('PRAGMA busy_timeout = 0; BEGIN IMMEDIATE')
    return () => db.close()
  } catch (error) {
    db.close()
    if (!isBusy(error)) throw error
    throw new Problem('store/locked', { pid: holderOf(path) ?? 'unknown', path }, { cause: error })
  }
}

const isBusy = (error: unknown) => error instanceof Error && 'errcode' in error && error.errcode === 5

/** Who holds a lock on the file, as the kernel tells (proc(5), `/proc/locks`). */
function holderOf(path: string): number | undefined {
  try {
    const { ino } = statSync(path)
    const held = readFileSync('/proc/locks', 'utf8').split('\n')
    const mine = held.find((line) => line.includes('WRITE') && line.includes(`:${ino} `))
    const pid = Number(mine?.trim().split(/\s+/)[4])
    return pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
