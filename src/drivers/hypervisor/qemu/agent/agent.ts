/** The agent inside a guest, over its channel `agent.sock`. */

import { Problem } from '#model/problem.ts'
import type { GuestAgent } from '../../port-agent.ts'
import type { InTurn } from '../turns.ts'

export function agentOf(_inTurn: InTurn): GuestAgent {
  const refuse = () =>
    Promise.reject(new Problem('feature/not-here', { what: 'the guest agent', why: 'not built yet' }))
  return {
    look: () => Promise.resolve(null),
    run: refuse,
    read: refuse,
    write: refuse,
    freeze: refuse,
    thaw: refuse,
    setTime: refuse,
    shutdown: refuse,
  }
}
