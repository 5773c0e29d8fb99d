/** I-25: when a host cannot be heard for long, its machines are said to be `unknown`, and it is said in time. */

import { limits } from '#model/limits.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import type { Datacenter } from './datacenter.ts'

/** The bound for silence, the pace of looking, and what late messages and slow rounds add. */
const toldWithinMs = limits.hostSilentMs + 2 * limits.heartbeatMs + 20_000

export class Silences {
  readonly #center: Datacenter
  readonly #fail: (invariant: string, why: string) => void
  /** Since when a host's agent is dead, and how often it was started before. */
  readonly #since = new Map<string, { readonly starts: number; readonly atMs: number }>()
  #controllerSince = 0

  constructor(center: Datacenter, fail: (invariant: string, why: string) => void) {
    this.#center = center
    this.#fail = fail
  }

  controllerUp() {
    this.#controllerSince = this.#center.time.elapsedMs
  }

  /** The store cannot write for so long: nothing can be told meanwhile. */
  storeFails(forMs: number) {
    this.#controllerSince = this.#center.time.elapsedMs + forMs
  }

  look() {
    const nowMs = this.#center.time.elapsedMs
    for (const { name, isUp, starts } of this.#center.hosts.values()) {
      const since = this.#since.get(name)
      if (isUp) this.#since.delete(name)
      else if (since?.starts !== starts) this.#since.set(name, { starts, atMs: nowMs })
      const sinceMs = Math.max(this.#since.get(name)?.atMs ?? nowMs, this.#controllerSince)
      if (nowMs - sinceMs > toldWithinMs) this.#mustBeTold(name)
    }
  }

  #mustBeTold(name: string) {
    const replica = this.#center.controller?.desk.replica
    const host = replica?.find('host', null, name)?.document as HostDocument | undefined
    if (replica === undefined || host === undefined) return
    if (host.status.state === 'connected') this.#fail('I-25', `host ${name} is dead and said to be connected`)
    for (const { document } of replica.by('machines-on', name)) {
      const { status } = document as MachineDocument
      if (status.guest !== null && status.state !== 'unknown')
        this.#fail(
          'I-25',
          `host ${name} is silent and machine ${document.name} is said to be ${status.state}`,
        )
    }
  }
}
