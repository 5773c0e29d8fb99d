/** Bounds of the link over HTTP/2, each with its reason, and the settings that carry them. */

import type { ServerOptions } from 'node:http2'
import { limits } from '#model/limits.ts'

/** How soon a dead peer is noticed; tests make it quick. */
export type Pace = {
  /** Between two pings. */
  readonly pingMs: number
  /** Without an answer for this long the peer is taken for dead; also the bound of each greeting. */
  readonly silentMs: number
}

export const pace: Pace = { pingMs: limits.heartbeatMs, silentMs: limits.hostSilentMs }

/** A wish carries one document, escaped at worst; the greeting lists what the agent has. */
export const lineBytes = limits.documentBytes * 2

/** Lines that wait for a slow peer; one this far behind is cut off and begins anew with a sync. */
export const queueBytes = 64 * 2 ** 20

/** An ask is a few names; its answer at most a screenshot. */
export const askBytes = 65_536
export const answerBytes = limits.screenshotBytes

/** Agents of one controller, those still greeting included. */
export const connections = 4096

/** A TLS handshake takes a few milliseconds; those who dawdle are dropped (slowloris). */
export const handshakeMs = 5_000

export const protocol = 'decant-link/1'

/** Bytes of one stream on their way unread: half a millisecond at 1 GiB/s, or 5 ms at 100 MiB/s. */
const streamWindow = 524_288

/** All streams together; a single stuck one cannot use it up, as Node gives its bytes back on arrival. */
export const sessionWindow = 16 * 2 ** 20

/**
 * Against floods of headers (CONTINUATION), of streams and of resets (CVE-2023-44487): few small headers,
 * bounded streams, bounded memory; nghttp2 limits resets and answers to pings by itself.
 */
export const settings: ServerOptions = {
  maxHeaderListPairs: 32,
  maxSessionMemory: 64,
  maxSessionInvalidFrames: 16,
  maxSessionRejectedStreams: 16,
  maxOutstandingPings: 4,
  settings: {
    enablePush: false,
    initialWindowSize: streamWindow,
    maxConcurrentStreams: 512,
    maxHeaderListSize: 16_384,
  },
}
