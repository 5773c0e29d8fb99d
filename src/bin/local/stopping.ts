/**
 * Stops machines: through the controller where it answers, so that the wish, the audit and everybody who
 * watches know; else the guests themselves, each proved to be ours.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '#cli/command.ts'
import { clientAt, placeOf } from '#cli/place.ts'
import type { Client, Thing } from '#client/client.ts'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { FolderNotebook } from '#drivers/notebook/folder/notebook.ts'
import { isObject } from '#base/json.ts'
import { story } from '#model/problem.ts'
import { kindNamed } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'
import type { Layout } from '../layout.ts'
import { text } from './words.ts'

const machine = () => present(kindNamed('machine'), 'there are machines')

/** The Decant of this data folder, whatever DECANT_URL says. */
export const localClient = async ({ world, options }: Context): Promise<Client> =>
  clientAt(await placeOf({ surroundings: world, data: options.data, isDataGiven: true }), options.language)

const isUp = ({ status }: Thing) =>
  !['stopped', 'crashed', 'pending', 'deleting'].includes(String(status.state))

/** One after another would take as long as all of them together; each is told as it ends. */
const atOnce = 16

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<boolean>): Promise<boolean> {
  const waiting = [...items]
  let isWell = true
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) {
      const done = await work(item)
      isWell &&= done
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return isWell
}

/** Tells the beginning and the end of one stop; gives whether it ended well. */
async function told(context: Context, name: string, stop: () => Promise<unknown>): Promise<boolean> {
  const sinceMs = performance.now()
  context.paper.line(text(context, 'stopping', { name }))
  try {
    await stop()
    const seconds = ((performance.now() - sinceMs) / 1000).toFixed(1)
    context.paper.line(text(context, 'stopped', { name, seconds }))
    return true
  } catch (error) {
    context.paper.line(text(context, 'not-stopped', { name, why: story(error) }))
    return false
  }
}

/** Edits the wish of every machine that runs, and waits until it came true. Says whether all stopped. */
export async function stopMachines(
  context: Context,
  client: Client,
  forceAfterSeconds: number,
): Promise<boolean> {
  const running = (await client.list(machine())).filter(isUp)
  if (running.length === 0) context.paper.line(text(context, 'no-machines'))
  return inParallel(running, ({ name, project }) =>
    told(context, name, () =>
      client.verb(
        machine(),
        name,
        { name: 'stop', input: { forceAfterSeconds } },
        {
          project: project ?? undefined,
          waitSeconds: Math.min(600, forceAfterSeconds + 30),
        },
      ),
    ),
  )
}

/** Names of the guests by id, from what the agent keeps of its wishes. */
function namesOf(layout: Layout): (id: string) => string {
  const notes = new FolderNotebook(join(layout.agent, 'notes'))
  return (id) => {
    const note = notes.get(`wish/guest/${id}`)
    const document = isObject(note) && isObject(note.document) ? note.document : {}
    return typeof document.name === 'string' ? document.name : id
  }
}

async function stopGuest(hypervisor: Hypervisor, id: string, forceAfterSeconds: number) {
  const signal = AbortSignal.timeout((forceAfterSeconds + 60) * 1000)
  const untilMs = performance.now() + forceAfterSeconds * 1000
  if (forceAfterSeconds > 0) await hypervisor.powerdown(id, signal).catch(() => {})
  while (performance.now() < untilMs) {
    const { process } = await hypervisor.observe(id)
    if (process !== 'running') break
    await sleep(200)
  }
  await hypervisor.kill(id, signal)
}

/** A process that ended leaves its sockets' names behind; nobody will ever answer at them. */
function removeSockets(folder: string) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSocket()) rmSync(join(entry.parentPath, entry.name))
  }
}

/** Stops guests without a controller. Only while no Decant runs on the data. Says whether all stopped. */
export async function stopGuests(
  context: Context,
  layout: Layout,
  forceAfterSeconds: number,
): Promise<boolean> {
  const folder = join(layout.agent, 'guests')
  if (!existsSync(folder)) return true
  const hypervisor = await openQemu({ folder, clock: realClock })
  try {
    const nameOf = namesOf(layout)
    const seen = await Promise.all(
      (await hypervisor.list()).map(async (id) => ({ id, sight: await hypervisor.observe(id) })),
    )
    const standing = seen.filter(({ sight }) => sight.pid !== null)
    const areStopped = await inParallel(standing, ({ id }) =>
      told(context, nameOf(id), () => stopGuest(hypervisor, id, forceAfterSeconds)),
    )
    if (areStopped) removeSockets(folder)
    return areStopped
  } finally {
    await hypervisor.close()
  }
}
