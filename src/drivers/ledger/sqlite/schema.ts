/** The tables of the ledger and how older ones become today's. A step, once released, never changes. */

import type { Schema } from '../../ground/sqlite.ts'

// What is filtered by is read out of the text itself, so that the two can never differ.
const places = `
  project TEXT AS (text ->> '$.project') VIRTUAL, kind TEXT AS (text ->> '$.kind') VIRTUAL,
  name TEXT AS (text ->> '$.name') VIRTUAL`

export const ledgerSchema: Schema = {
  applicationId: 0x44434e4c, // "DCNL"
  steps: [
    `CREATE TABLE audit (
       sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL, text TEXT NOT NULL,${places}
     ) STRICT;
     CREATE INDEX audit_object ON audit (kind, name, sequence);
     CREATE INDEX audit_project ON audit (project, sequence);
     CREATE TABLE event (
       sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, text TEXT NOT NULL,${places}
     ) STRICT;
     CREATE INDEX event_object ON event (kind, name, sequence);
     CREATE INDEX event_project ON event (project, sequence);
     CREATE TABLE head (
       one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
     INSERT INTO head VALUES (1, 0, '${'0'.repeat(64)}');`,
  ],
}

export const ledgerFile = 'ledger.db'
export const lockFile = 'ledger.lock'
