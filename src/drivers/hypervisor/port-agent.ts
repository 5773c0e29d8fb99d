/**
 * The agent inside a guest (qemu-guest-agent). Whatever it says is hostile: bounded in size and time, made
 * inert. One that does not answer is `guest/agent-silent`, one that answers nonsense `guest/agent-broken`.
 */

import type { GuestInside } from '#kinds/guest/schema.ts'

export type Command = {
  /** Program and arguments; no shell. */
  readonly argv: readonly string[]
  readonly input?: Uint8Array
  readonly environment?: readonly string[]
  readonly timeoutMs: number
}

export type Outcome = {
  /** Null while it was ended by a signal. */
  readonly exitCode: number | null
  readonly signal: number | null
  readonly output: Uint8Array
  readonly errors: Uint8Array
  /** Whether there was more than `limits.agentOutputBytes`. */
  readonly isTruncated: boolean
}

export interface GuestAgent {
  /** Null while it does not answer. Never takes longer than `limits.agentAnswerMs`. */
  look(id: string, signal: AbortSignal): Promise<GuestInside | null>
  /** Problem `guest/agent-timeout` when it did not end in time; it may still run. */
  run(id: string, command: Command, signal: AbortSignal): Promise<Outcome>
  read(id: string, path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  write(id: string, path: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>
  /**
   * Freezes the file systems; how many. They are thawed after `limits.frozenMs` at the latest, also when
   * this program dies meanwhile: the next one thaws what it finds frozen (I-38).
   */
  freeze(id: string, signal: AbortSignal): Promise<number>
  thaw(id: string, signal: AbortSignal): Promise<number>
  /** Sets the guest's clock to the host's. */
  setTime(id: string, signal: AbortSignal): Promise<void>
  /** Asks it to power down or reboot from inside. */
  shutdown(id: string, mode: 'powerdown' | 'reboot', signal: AbortSignal): Promise<void>
}
