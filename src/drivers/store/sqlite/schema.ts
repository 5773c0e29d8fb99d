/** The tables of the store and how older ones become today's. A step, once released, never changes. */

import type { Schema } from '../../ground/sqlite.ts'

export const storeSchema: Schema = {
  applicationId: 0x44434e54, // "DCNT"
  steps: [
    `CREATE TABLE entry (
       at INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
       value TEXT NOT NULL, sum INTEGER NOT NULL, UNIQUE (kind, id)) STRICT;
     CREATE TABLE claim (
       claim TEXT PRIMARY KEY, holder TEXT NOT NULL, sum INTEGER NOT NULL) STRICT, WITHOUT ROWID;
     CREATE TABLE history (
       revision INTEGER PRIMARY KEY, changes TEXT NOT NULL, size INTEGER NOT NULL, bytes INTEGER NOT NULL,
       sum INTEGER NOT NULL) STRICT;
     CREATE TABLE state (
       one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, forgotten INTEGER NOT NULL,
       size INTEGER NOT NULL, bytes INTEGER NOT NULL, digest INTEGER NOT NULL) STRICT;
     INSERT INTO state VALUES (1, 0, 0, 0, 0, 0);`,
  ],
}

export const storeFile = 'store.db'
export const lockFile = 'store.lock'
