/** Commands in a guest: begun, waited for, and what they said taken within bounds. */

import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Command, Outcome } from '../../port-agent.ts'
import type { Conversation, Overlong } from './conversation.ts'
import { bytesFrom } from './files.ts'

const firstLookMs = 20
const longestLookMs = 500

export async function runCommand(
  talk: Conversation,
  { argv, input, environment, timeoutMs }: Command,
  on: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Outcome> {
  const [path = '', ...arg] = argv
  const begun = await talk.ask({
    execute: 'guest-exec',
    arguments: {
      path,
      arg,
      'capture-output': true,
      // Absent, the command has the agent's own, with its PATH.
      ...(environment === undefined ? {} : { env: environment }),
      ...(input === undefined ? {} : { 'input-data': Buffer.from(input).toString('base64') }),
    },
  })
  const pid = isObject(begun) ? begun['pid'] : undefined
  if (typeof pid !== 'number') throw talk.nonsense('a command has no process')
  const until = on.clock.monotonic() + timeoutMs
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(longestLookMs, pauseMs * 2)) {
    const outcome = await lookAt(talk, pid)
    if (outcome !== undefined) return outcome
    const leftMs = until - on.clock.monotonic()
    if (leftMs <= 0) throw talk.late(Math.ceil(timeoutMs / 1000))
    await on.clock.sleep(Math.min(pauseMs, leftMs), on.signal)
  }
}

async function lookAt(talk: Conversation, pid: number): Promise<Outcome | undefined> {
  const said = await talk.askLong({ execute: 'guest-exec-status', arguments: { pid } })
  if ('overlong' in said) return salvaged(said.overlong)
  const status = isObject(said.value) ? said.value : {}
  if (status['exited'] !== true) return undefined
  const [output, errors] = [bytesFrom(talk, status['out-data']), bytesFrom(talk, status['err-data'])]
  const most = limits.agentOutputBytes
  return {
    exitCode: whole(status['exitcode']),
    signal: whole(status['signal']),
    output: output.subarray(0, most),
    errors: errors.subarray(0, most),
    isTruncated:
      output.length > most ||
      errors.length > most ||
      status['out-truncated'] === true ||
      status['err-truncated'] === true,
  }
}

const whole = (value: unknown) => (typeof value === 'number' && Number.isInteger(value) ? value : null)

/** Of an answer that is too long to be taken whole: what its beginning and end say. */
function salvaged({ head, tail }: Overlong): Outcome {
  const number = (name: string) => {
    const said = new RegExp(`"${name}": ?(\\d{1,4})[,}]`)
    return Number((said.exec(head) ?? said.exec(tail))?.[1] ?? Number.NaN)
  }
  const bytes = (name: string) => {
    const said = new RegExp(`"${name}": ?"([A-Za-z0-9+/]*)`).exec(head)?.[1] ?? ''
    return Buffer.from(said.slice(0, said.length - (said.length % 4)), 'base64').subarray(
      0,
      limits.agentOutputBytes,
    )
  }
  return {
    exitCode: whole(number('exitcode')),
    signal: whole(number('signal')),
    output: bytes('out-data'),
    errors: bytes('err-data'),
    isTruncated: true,
  }
}
