/** The few commands that a fake guest knows: enough to hold its agent to the contract. */

import { limits } from '#model/limits.ts'
import type { Command, Outcome } from '../port-agent.ts'
import type { FakeGuest } from './world.ts'

type Ran = { readonly outcome: Outcome; readonly tookMs: number }

const nothing = new Uint8Array()

const ended = (exitCode: number, output: Uint8Array = nothing, errors: Uint8Array = nothing): Ran => ({
  outcome: {
    exitCode,
    signal: null,
    output: output.subarray(0, limits.agentOutputBytes),
    errors: errors.subarray(0, limits.agentOutputBytes),
    isTruncated: output.length > limits.agentOutputBytes || errors.length > limits.agentOutputBytes,
  },
  tookMs: 1,
})

export function ranIn(guest: FakeGuest, { argv, input, environment }: Command): Ran {
  const [program = '', ...rest] = argv
  switch (program.slice(program.lastIndexOf('/') + 1)) {
    case 'echo':
      return ended(0, Buffer.from(`${rest.join(' ')}\n`))
    case 'true':
      return ended(0)
    case 'false':
      return ended(1)
    case 'cat':
      return rest[0] === undefined
        ? ended(0, input ?? nothing)
        : ended(0, guest.files.get(rest[0]) ?? nothing)
    case 'env':
      return ended(0, Buffer.from((environment ?? []).map((line) => `${line}\n`).join('')))
    case 'sleep':
      return { ...ended(0), tookMs: Number(rest[0] ?? 0) * 1000 }
    case 'head':
      return ended(0, new Uint8Array(Number(rest[1] ?? 0)))
    default:
      return ended(127, nothing, Buffer.from(`${program}: not found\n`))
  }
}
