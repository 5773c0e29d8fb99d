/** What is no object: events, audit records, who one is, sign-in links, health. */

import { isObject, type JsonObject } from '#base/json.ts'
import { base, type Query } from './addresses.ts'
import { objectFrom, pageFrom, type Page } from './answers.ts'
import type { Client } from './client.ts'

export type Records = {
  readonly project?: string | undefined
  readonly kind?: string | undefined
  readonly name?: string | undefined
  readonly limit?: number
  /** `next` of the page before. */
  readonly before?: string | undefined
}

/** Newest first. */
const records = async (client: Client, what: 'events' | 'audit', query: Records): Promise<Page<JsonObject>> =>
  pageFrom(await client.caller.json(`${base}/${what}`, { query: query as Query }), objectFrom)

export const events = (client: Client, query: Records = {}) => records(client, 'events', query)

export const audits = (client: Client, query: Records = {}) => records(client, 'audit', query)

/** Walks the whole chain of audit records (I-41). */
export async function verifyAudit(client: Client): Promise<{ records: number; brokenAt: number | null }> {
  const answer = objectFrom(
    await client.caller.json(`${base}/audit`, { query: { verify: 1 }, timeoutMs: 600_000 }),
  )
  return {
    records: Number(answer.records),
    brokenAt: typeof answer.brokenAt === 'number' ? answer.brokenAt : null,
  }
}

/** A link that signs one browser in as `user`, once, for a few minutes. */
export async function signInLink(
  client: Client,
  user: string,
): Promise<{ readonly url: string; readonly expiresAtMs: number }> {
  const answer = objectFrom(
    await client.caller.json(`${base}/sign-in-links`, { method: 'POST', json: { user } }),
  )
  const { path, expiresAtMs } = answer
  return { url: new URL(String(path), client.caller.access.url).href, expiresAtMs: Number(expiresAtMs) }
}

export const me = async (client: Client) => objectFrom(await client.caller.json(`${base}/me`))

export async function health(client: Client): Promise<JsonObject> {
  const answer = await client.caller.json('/api/health')
  return isObject(answer) ? (answer as JsonObject) : {}
}
