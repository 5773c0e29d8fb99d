/** What the supervisor asks its own controller about, as everybody asks: through the API. */

import { setTimeout as sleep } from 'node:timers/promises'
import { inert } from '#base/text.ts'
import type { Client, Thing } from '#client/client.ts'
import { image, type ImageStatus } from '#kinds/image/schema.ts'
import { machine, type MachineStatus } from '#kinds/machine/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'

const kind = (name: string) => kindNamed(name) as Kind

/** Names of the machines whose guest runs now, as far as the controller knows. */
export async function runningMachines(client: Client): Promise<string[]> {
  const machines = await client.list(kind(machine.name), { fields: { 'status.state': 'running' } })
  return machines.map(({ name }) => name)
}

/** An object, or nothing while it is not there yet. */
async function seek(client: Client, wanted: Kind, name: string): Promise<Thing | undefined> {
  try {
    return await client.get(wanted, name, 'default')
  } catch (error) {
    if (error instanceof Problem && error.code === 'object/not-found') return undefined
    throw error
  }
}

const holdsText = ({ status }: Thing) => {
  const holds = (status.holds ?? []) as readonly { message?: string; code: string }[]
  return inert(holds.map(({ message, code }) => message ?? code).join('; ')).slice(0, 300)
}

export type Watching = {
  readonly client: Client
  readonly tell: (line: string) => void
  readonly withinMs: number
  readonly signal: AbortSignal
}

const everyMs = 400

/**
 * Looks at an object until `judge` says that it is done, telling what it says meanwhile. Gives the object,
 * or the reason why waiting ended.
 */
async function watch(
  { client, tell, withinMs, signal }: Watching,
  [wanted, name]: readonly [Kind, string],
  judge: (thing: Thing) => {
    readonly isDone: boolean
    readonly line: string
    readonly failure?: string | undefined
  },
): Promise<Thing | string> {
  const untilMs = performance.now() + withinMs
  let last = 'it does not appear'
  while (performance.now() < untilMs && !signal.aborted) {
    const thing = await seek(client, wanted, name)
    if (thing !== undefined) {
      const { isDone, line, failure } = judge(thing)
      if (isDone) return thing
      if (failure !== undefined) return failure
      last = holdsText(thing) || line
      tell(line)
    }
    await sleep(everyMs, undefined, { signal }).catch(() => {})
  }
  return `not ready after ${Math.round(withinMs / 1000)} s: ${last}`
}

/** Watches the starter image come into being. Gives nothing once it is ready, else the reason why not. */
export async function watchImage(watching: Watching, name: string): Promise<string | undefined> {
  const seen = await watch(watching, [kind(image.name), name], (thing) => {
    const { state, progress } = thing.status as unknown as ImageStatus
    const percent =
      progress?.fraction === null || progress === null ? '' : ` ${Math.round(progress.fraction * 100)} %`
    return {
      isDone: state === 'ready',
      line: `image ${name}: ${inert(progress?.step ?? state)}${percent}`,
      failure: state === 'failed' ? holdsText(thing) : undefined,
    }
  })
  return typeof seen === 'string' ? seen : undefined
}

/** Watches a machine until its guest has printed the word that the host handed in. */
export async function watchMachine(watching: Watching, name: string): Promise<MachineStatus | string> {
  const seen = await watch(watching, [kind(machine.name), name], (thing) => {
    const { state, guest } = thing.status as unknown as MachineStatus
    const proof = guest?.proof ?? null
    const isUp = state === 'running' && proof !== null
    return { isDone: isUp, line: `machine ${name}: ${state === 'running' ? 'booting' : state}` }
  })
  return typeof seen === 'string' ? seen : (seen.status as unknown as MachineStatus)
}
