/** What the controller program lays on the desk of the API: everything it may see and do. */

import type { JsonObject } from '#base/json.ts'
import type { Figures, MeasuredKind } from '#model/metrics.ts'
import type { Found } from '#engines/bottleneck/find.ts'
import type { Recent } from '#engines/metering/recent.ts'
import type { Document } from '#model/document.ts'
import type { Hold } from '#model/plan.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Ledger } from '#drivers/ledger/port.ts'
import type { Ask, ByteChannel, Open } from '#drivers/link/port.ts'
import type { History, Span } from '#drivers/metrics/port.ts'
import type { Store } from '#drivers/store/port.ts'
import type { Replica } from '#runtime/replica.ts'
import type { MetricsHealth } from './controller/archivist.ts'

/** What a change would lead to, worked out by the very planners that would carry it out. */
export type Rehearsal = {
  readonly steps: readonly JsonObject[]
  readonly holds: readonly Hold[]
  readonly predicted: Document | null
}

/** What is measured of machines and hosts. */
export type FiguresDesk = {
  /** Problems `store/full|failing` when what was kept cannot be read. */
  readonly read: (span: Omit<Span, 'nowMs'>) => Promise<History>
  /** The last minute; nothing when it is longer ago. */
  readonly recent: (kind: MeasuredKind, id: string) => Recent | undefined
  /** What is counted, summed up since the controller started. */
  readonly totals: (kind: MeasuredKind, id: string) => Figures
  /** What bounds a machine now. */
  readonly finding: (machine: string) => Found
  readonly health: () => MetricsHealth
}

export type Desk = {
  readonly version: string
  readonly replica: Replica
  /** For entries that are not documents: `session`, `secret`, `idempotency`, `outbox`, `usage`. */
  readonly store: Store
  readonly ledger: Ledger
  readonly clock: Clock
  readonly newId: () => string
  /** Fast-moving status of an object, or nothing: heartbeats, usage. Never stored. */
  readonly live: (kind: string, id: string) => JsonObject | undefined
  readonly figures: FiguresDesk
  /** Asks the agent of a host; problem `host/silent` when it is not connected. */
  readonly ask: (host: string, ask: Ask) => Promise<Uint8Array>
  readonly open: (host: string, open: Open) => Promise<ByteChannel>
  /** Steps, holds and predicted state if `after` replaced `before`; changes nothing. */
  readonly rehearse: (before: Document | undefined, after: Document) => Rehearsal
  /** Signals that concern the controller itself, such as `adopt` of a host. */
  readonly act: (signal: string, document: Document, input: JsonObject) => Promise<JsonObject>
  /** Says that audit records wait in the outbox of the store. */
  readonly audited: () => void
}
