/**
 * The link between controller and agents: one authenticated connection that the agent opens, many
 * streams in it. Down: wishes (documents with generation and epoch), signals, consoles, contents. Up:
 * reports, events, heartbeats. It may be cut at any moment; both sides then say again what the other has
 * not acknowledged.
 */

import type { Json } from '#base/json.ts'

/** A two-way stream of bytes. Reading ends when the other side is done; both sides may close. */
export interface ByteChannel {
  /**
   * For one reader. Throws `link/lost` when the channel was cut or closed over there before its end, so
   * that a part never passes for the whole; ends quietly after one's own `close`.
   */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Resolves when there is room for more. Rejects with `link/lost` once closed. */
  write(bytes: Uint8Array): Promise<void>
  /** Says that no more will be written; the other side's reading ends. */
  end(): void
  /** Ends both ways at once. May be called again. */
  close(): void
}

/** A document of interest to one host, with the store's revision of its last change. */
export type Wish = { readonly revision: number; readonly document: Json }

export type Down =
  /** The whole truth begins; wishes not repeated until `synced` are no longer wished by the store. */
  | { readonly say: 'sync' }
  | { readonly say: 'wish'; readonly wish: Wish }
  /** The store no longer has the document. Nothing is removed for that (I-22): it becomes unclaimed. */
  | { readonly say: 'forget'; readonly kind: string; readonly id: string }
  | { readonly say: 'synced'; readonly revision: number }
  | { readonly say: 'received'; readonly sequence: number }

export type Up =
  /** What is known of one document: its generation as seen, and the status. Repeated until received. */
  | {
      readonly say: 'report'
      readonly sequence: number
      readonly kind: string
      readonly id: string
      readonly generation: number
      readonly status: Json
      /** The wish as the agent keeps it, for documents that the store does not know. */ readonly document?: Json
    }
  | {
      readonly say: 'event'
      readonly sequence: number
      readonly id: string
      readonly type: string
      readonly kind: string
      readonly objectId: string
      readonly facts: Json
      readonly atMs: number
    }
  /** Fast-moving figures; lost ones are not repeated and never stored. */
  | { readonly say: 'heartbeat'; readonly atMs: number; readonly usage: Json }

export type Hello = {
  readonly host: string
  /** New at each start of the agent. */
  readonly incarnation: string
  readonly version: string
  /** What the agent already has: `kind/id` → revision, -1 when unclaimed. The controller sends only what differs. */
  readonly have: Readonly<Record<string, number>>
}

export type Ask =
  | { readonly ask: 'reset'; readonly guest: string; readonly epoch: number }
  | {
      readonly ask: 'send-key'
      readonly guest: string
      readonly epoch: number
      readonly keys: readonly string[]
    }
  /** How much of an image's content is there: `{"receivedBytes":N}`. */
  | { readonly ask: 'landed'; readonly image: string }
  /** Said by the agent inside the guest: its clock is set, its file systems are frozen or thawed. */
  | {
      readonly ask: 'inside'
      readonly guest: string
      readonly epoch: number
      readonly act: 'set-time' | 'freeze' | 'thaw'
    }
  | { readonly ask: 'screenshot'; readonly guest: string }
  | { readonly ask: 'log'; readonly guest: string }

export type Open =
  | { readonly open: 'serial'; readonly guest: string }
  | { readonly open: 'vnc'; readonly guest: string }
  /** `bytes`: of this part; `offset`: where it goes on; `total`: of the whole; null: until the channel ends. */
  | {
      readonly open: 'content'
      readonly image: string
      readonly bytes: number | null
      readonly offset: number
      readonly total: number | null
    }
  /** Disks given out: one line of JSON, `{"ok":true,"bytes":N}` or a problem, then so many bytes. */
  | {
      readonly open: 'export'
      readonly of: 'image' | 'volume'
      readonly ids: readonly string[]
      readonly format: 'qcow2' | 'raw' | 'ova'
      /** What an OVA says about its machine. */
      readonly appliance: Json
    }
  /**
   * Through the agent inside the guest. Down: one line of JSON (`Errand` in `#model/errand.ts`), then input or
   * content until the end. Up: one line, `{"ok":true,…}` or a problem, then output or content.
   */
  | { readonly open: 'inside'; readonly guest: string; readonly epoch: number }

/** The controller's end of one agent's connection. */
export interface Session {
  readonly hello: Hello
  /** Drops it when the connection has ended. Problem `request/too-large` beyond twice a document. */
  send(down: Down): void
  /** For one reader; ends with the connection. */
  readonly ups: AsyncIterable<Up>
  /**
   * At most once; problems of the agent arrive as problems (code and facts). `host/silent` after
   * `timeoutMs`, `link/lost` when the connection ended.
   */
  ask(ask: Ask, timeoutMs: number): Promise<Uint8Array>
  /** `content`: the agent answers with one JSON line (`{"ok":true,"isWhole":…}` or a problem) and closes. */
  open(open: Open): Promise<ByteChannel>
  readonly closed: Promise<void>
  close(): void
}

/** What the agent does with what comes down. Nothing does before `connect` has resolved. */
export interface AgentDoor {
  hello(): Hello
  down(down: Down): void
  ask(ask: Ask): Promise<Uint8Array>
  open(open: Open): Promise<ByteChannel>
}

/** The agent's end: says things up while connected; nothing is queued here when it is not. */
export interface Uplink {
  /** Drops it when the connection has ended. Problem `request/too-large` beyond twice a document. */
  say(up: Up): void
  readonly closed: Promise<void>
  close(): void
}

export interface LinkServer {
  readonly name: string
  /**
   * Calls back for each agent that proved who it is; before the first call to this, agents are turned
   * away. A host that comes again gets a second session: the newer counts, and whoever uses them closes
   * the older.
   */
  onSession(call: (session: Session) => void): void
  close(): Promise<void>
}

export interface LinkClient {
  readonly name: string
  /**
   * One attempt; problem `link/lost` or `link/refused`. Trying again is the caller's business. The signal
   * ends the attempt, not the connection.
   */
  connect(door: AgentDoor, signal: AbortSignal): Promise<Uplink>
}
