/**
 * What the supervisor and its two programs say to each other over the message channel that the kernel
 * closes when one of them dies. Secrets travel here and nowhere else: not in argv, not in the environment.
 */

import type { Found } from '#program/agent/agent.ts'
import type { Credentials } from '#drivers/certificates/port.ts'
import type { ProblemDocument } from '#model/problem.ts'

export type ControllerOrder = {
  readonly say: 'begin'
  readonly data: string
  readonly address: string
  readonly port: number
  readonly isSecure: boolean
  readonly host: string
  readonly makesHello: boolean
  /** Simulated hosts and machines in place of an agent; null in earnest. */
  readonly simulation: { readonly hosts: number; readonly machines: number } | null
  /** SHA-256 of the local administrator's token, in hex. */
  readonly tokenHash: string
}

export type AgentOrder = {
  readonly say: 'begin'
  readonly data: string
  readonly host: string
  /** The controller's own port, which no guest may have. */
  readonly port: number
  readonly credentials: Credentials
  /** Folders whose files may become images. */
  readonly importFolders: readonly string[]
  readonly allowsPrivateAddresses: boolean
  /** Folders below which guests may be shown folders. */
  readonly shareFolders: readonly string[]
  /** USB devices that guests may be given, as VENDOR:PRODUCT. */
  readonly usbDevices: readonly string[]
  /** Folders below which datastores may lie. */
  readonly datastoreFolders: readonly string[]
}

export type Order = ControllerOrder | AgentOrder | { readonly say: 'stop' }

export type ControllerReady = {
  readonly say: 'ready'
  readonly isFirstStart: boolean
  /** Certificate of our own authority, PEM. */
  readonly authority: string
  readonly agent: Credentials
}

/** `found`: the guests that ran before their agent started. */
export type AgentReady = { readonly say: 'ready'; readonly found: readonly Found[] }

export type Word =
  | ControllerReady
  | AgentReady
  | { readonly say: 'failed'; readonly problem: ProblemDocument }
