/** `decant events` and `decant audit`: what happened, and who did it. */

import type { JsonObject } from '#base/json.ts'
import { audits, events as eventsOf, verifyAudit, type Records } from '#client/records.ts'
import type { Client } from '#client/client.ts'
import { noOperands, usage, type Arguments } from '../arguments.ts'
import type { Context } from '../command.ts'
import { tableLines } from '../table.ts'
import { oneLine } from '../width.ts'

const pollMs = 1_000
const usualItems = 50

function scopeFrom(args: Arguments, context: Context): Records {
  noOperands(args, context.options.language)
  const limit = args.one('limit') ?? String(usualItems)
  if (!/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > 500)
    throw usage(context.options.language, 'flag-read', { flag: '--limit', wanted: '1–500', value: limit })
  return {
    project: context.options.project,
    kind: args.one('kind'),
    name: args.one('name'),
    limit: Number(limit),
  }
}

const moment = (atMs: unknown) => new Date(Number(atMs)).toISOString().replace(/\.\d+Z$/, 'Z')
const text = (value: unknown) => oneLine(String(value ?? ''))
const subject = ({ kind, name, project }: JsonObject) =>
  `${text(kind)} ${project === null || project === 'default' ? '' : `${text(project)}/`}${text(name)}`

function eventLine(event: JsonObject, { paper }: Context): string {
  const said = text(event.text ?? event.type)
  // Most sentences begin with what they speak of; it is not said twice.
  const about = said.startsWith(subject(event)) ? '' : `${subject(event)}  `
  return `${paper.paint('dim', moment(event.atMs))}  ${about}${said}`
}

async function sayEvents(items: readonly JsonObject[], context: Context) {
  for (const event of items) {
    if (context.options.format === 'table') context.paper.line(eventLine(event, context))
    else context.paper.line(JSON.stringify(event))
  }
}

const sequenceOf = ({ sequence }: JsonObject) => Number(sequence ?? 0)

/** All events after the last one seen, oldest first; however many there were. */
async function newerThan(client: Client, scope: Records, last: number): Promise<JsonObject[]> {
  const newer: JsonObject[] = []
  let before: string | undefined
  for (;;) {
    const page = await eventsOf(client, { ...scope, limit: 500, before })
    const fresh = page.items.filter((event) => sequenceOf(event) > last)
    newer.push(...fresh)
    if (fresh.length < page.items.length || page.next === undefined) return newer.reverse()
    before = page.next
  }
}

async function followEvents(
  client: Client,
  scope: Records,
  { last, context }: { last: number; context: Context },
) {
  const { interrupted } = context.world
  let seen = last
  while (!interrupted.aborted) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollMs)
      interrupted.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
    if (interrupted.aborted) return
    const fresh = await newerThan(client, scope, seen)
    await sayEvents(fresh, context)
    seen = fresh.reduce((most, event) => Math.max(most, sequenceOf(event)), seen)
  }
}

export async function events(args: Arguments, context: Context): Promise<number> {
  const scope = scopeFrom(args, context)
  const client = await context.client()
  const { items } = await eventsOf(client, scope)
  const isFollowed = args.has('follow')
  const oldestFirst = items.toReversed()
  if (context.options.format === 'table' || isFollowed) await sayEvents(oldestFirst, context)
  else await context.paper.data(oldestFirst)
  const last = items.reduce((most, event) => Math.max(most, sequenceOf(event)), 0)
  if (isFollowed) await followEvents(client, scope, { last, context })
  return 0
}

async function verified(client: Client, context: Context): Promise<number> {
  const { paper } = context
  const { records, brokenAt } = await verifyAudit(client)
  if (context.options.format !== 'table') await paper.data({ records, brokenAt })
  else if (brokenAt === null) paper.line(paper.paint('green', paper.text('audit-whole', { records })))
  else paper.line(paper.paint('red', paper.text('audit-broken', { records, at: brokenAt })))
  return brokenAt === null ? 0 : 1
}

export async function audit(args: Arguments, context: Context): Promise<number> {
  const scope = scopeFrom(args, context)
  const client = await context.client()
  if (args.has('verify')) return verified(client, context)
  const { items } = await audits(client, scope)
  const oldestFirst = items.toReversed()
  if (context.options.format !== 'table') {
    await context.paper.data(oldestFirst)
    return 0
  }
  const rows = oldestFirst.map((record) =>
    [
      moment(record.atMs),
      `${text(record.user)} (${text(record.via)})`,
      text(record.action),
      subject(record),
      record.outcome === 'done' ? '' : `${text(record.outcome)} ${text(record.code)}`,
    ].map((text) => ({ text })),
  )
  for (const line of tableLines(rows, context.paper.columns)) context.paper.line(line)
  return 0
}
