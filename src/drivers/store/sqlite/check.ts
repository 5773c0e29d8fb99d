/** Looks through a whole store file for damage, without changing it. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Problem, story } from '#model/problem.ts'
import { mustBeOurs, mustBeWhole, problemFrom, valueOf } from '../../ground/sqlite.ts'
import { claimSum, entrySum, historySum, mustMatch, toggled } from './checksum.ts'
import { storeFile, storeSchema } from './schema.ts'

export type StoreReport = {
  readonly file: string
  readonly whole: boolean
  /** What is wrong, in a sentence; empty when nothing is. */
  readonly why: string
  readonly schema: number
  readonly revision: number
  readonly entries: number
  readonly claims: number
  /** Commits that watches can still replay. */
  readonly history: number
}

/** Problem `store/no-file` when there is none; damage is in the report. Works beside a running Decant. */
export function checkSqlite(fileOrFolder: string): StoreReport {
  const file = storeFileOf(fileOrFolder)
  const nothing = { file, whole: false, why: '', schema: 0, revision: 0, entries: 0, claims: 0, history: 0 }
  try {
    using db = new DatabaseSync(file, { readOnly: true })
    return { ...nothing, ...contentOf(db), whole: true }
  } catch (error) {
    return { ...nothing, why: story(problemFrom(error, file)) }
  }
}

/** The store file that a person meant. */
export function storeFileOf(fileOrFolder: string): string {
  const isFolder = existsSync(fileOrFolder) && statSync(fileOrFolder).isDirectory()
  const file = isFolder ? join(fileOrFolder, storeFile) : fileOrFolder
  if (!existsSync(file)) throw new Problem('store/no-file', { path: file })
  return file
}

function contentOf(db: DatabaseSync) {
  db.exec('BEGIN')
  mustBeOurs(db, storeSchema)
  mustBeWhole(db, 'integrity_check')
  const schema = Number(valueOf(db, 'PRAGMA user_version'))
  if (schema > storeSchema.steps.length)
    throw new Problem('store/newer', { found: schema, known: storeSchema.steps.length })
  const counts = rowsMustMatch(db)
  const { revision, digest } = db.prepare('SELECT revision, digest FROM state').get() ?? {}
  if (digest !== digestOf(db)) throw new Problem('store/corrupt', { why: 'rows are missing or out of date' })
  return { schema, revision: Number(revision), ...counts }
}

function rowsMustMatch(db: DatabaseSync) {
  const counts = { entries: 0, claims: 0, history: 0 }
  for (const row of db.prepare('SELECT kind, id, revision, value, sum FROM entry').iterate()) {
    const entry = {
      kind: String(row['kind']),
      id: String(row['id']),
      revision: Number(row['revision']),
      value: String(row['value']),
    }
    mustMatch(entrySum(entry), row['sum'], `${entry.kind} ${entry.id}`)
    counts.entries += 1
  }
  for (const { claim, holder, sum } of db.prepare('SELECT claim, holder, sum FROM claim').iterate()) {
    mustMatch(claimSum(String(claim), String(holder)), sum, `claim ${String(claim)}`)
    counts.claims += 1
  }
  for (const { revision, changes, sum } of db
    .prepare('SELECT revision, changes, sum FROM history')
    .iterate()) {
    mustMatch(historySum(Number(revision), String(changes)), sum, `commit ${String(revision)}`)
    counts.history += 1
  }
  return counts
}

/** The digest that the rows say; the state's own must be the same. */
export function digestOf(db: DatabaseSync): number {
  let digest = 0
  for (const { sum } of db.prepare('SELECT sum FROM entry UNION ALL SELECT sum FROM claim').iterate())
    digest = toggled(digest, Number(sum))
  return digest
}
