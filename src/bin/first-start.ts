/**
 * The first start: shows the starter image being built, the machine `hello` starting, and its proof of
 * life. Nothing here makes anything, and nothing hangs: whatever is late or missing is told, and Decant is
 * ready all the same.
 */

import type { Client } from '#client/client.ts'
import type { MachineStatus } from '#kinds/machine/schema.ts'
import { inert } from '#base/text.ts'
import { watchImage, watchMachine, type Watching } from './pool.ts'
import { endProgress, progress, tell } from './voice.ts'

/** The packages come over a network of unknown speed; a guest boots in seconds, emulated ones too. */
const imageWithinMs = 180_000
const machineWithinMs = 90_000

const seeLater = 'Decant goes on trying; see: ./decant image show starter, ./decant machine show hello'

/** The address at which the guest's web page answers; nothing where no port of the host leads to it. */
function webPage({ forwards }: MachineStatus): string | undefined {
  const forward = forwards.find(({ guestPort, protocol }) => guestPort === 80 && protocol === 'tcp')
  if (forward === undefined) return undefined
  const address = forward.address === '0.0.0.0' ? '127.0.0.1' : forward.address
  return `http://${address}:${forward.hostPort}/`
}

export async function showFirstStart(client: Client, signal: AbortSignal): Promise<void> {
  const sinceMs = performance.now()
  const watching = (withinMs: number): Watching => ({ client, tell: progress(), withinMs, signal })
  tell('First start: building the image starter from Debian packages')
  const lack = await watchImage(watching(imageWithinMs), 'starter')
  endProgress()
  if (signal.aborted) return
  if (lack !== undefined) return tell(`  The image starter is not there yet: ${lack}\n  ${seeLater}`)
  tell('  image starter is ready')
  tell('Starting the machine hello')
  const status = await watchMachine(watching(machineWithinMs), 'hello')
  endProgress()
  if (signal.aborted) return
  if (typeof status === 'string') return tell(`  The machine hello is not up yet: ${status}\n  ${seeLater}`)
  const { guest } = status
  tell(`  hello runs as process ${guest?.pid ?? '?'} (${guest?.accelerator ?? '?'})`)
  tell(
    `  Proof of life: the host handed in the word "${inert(guest?.proof?.word ?? '')}", and the guest printed it`,
  )
  const page = webPage(status)
  if (page !== undefined) tell(`  Its web page: ${page}`)
  tell(`  Its console: ./decant console hello`)
  tell(`First start done in ${((performance.now() - sinceMs) / 1000).toFixed(1)} s`)
}
