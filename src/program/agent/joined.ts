/** Two ends of one channel within the agent. */

import type { ByteChannel } from '#drivers/link/port.ts'
import { Problem } from '#model/problem.ts'

/** Two ends of one channel in memory, each write waiting until the other end has taken it. */
export function joined(): [ByteChannel, ByteChannel] {
  const [there, back] = [pipe(), pipe()]
  return [endOf(there, back), endOf(back, there)]
}

type Pipe = ReturnType<typeof pipe>

const endOf = (from: Pipe, to: Pipe): ByteChannel => ({
  bytes: from.bytes,
  write: to.write,
  end: () => to.finish('ended'),
  close: () => {
    from.finish('left')
    to.finish('cut')
  },
})

type Piece = {
  readonly bytes: Uint8Array
  readonly taken: () => void
  readonly refused: (why: Problem) => void
}

const lost = () => new Problem('link/lost', { peer: 'the other end' })

/** One way: open until its writer has ended it, its reader has left, or its writer cut it before its end. */
function pipe() {
  const waiting: Piece[] = []
  let over: 'ended' | 'left' | 'cut' | undefined
  let wake = () => {}
  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = waiting.shift()
      if (next !== undefined) {
        try {
          yield next.bytes
        } finally {
          next.taken()
        }
      } else if (over === 'cut') throw lost()
      else if (over !== undefined) return
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    bytes: read(),
    write: async (bytes: Uint8Array) => {
      if (over !== undefined) throw lost()
      await new Promise<void>((taken, refused) => {
        waiting.push({ bytes, taken, refused })
        wake()
      })
    },
    /** What was written before the end still arrives, as long as there is a reader. */
    finish: (how: 'ended' | 'left' | 'cut') => {
      const isOver = over === 'ended' ? how !== 'left' : over !== undefined
      if (isOver) return
      over = how
      if (how !== 'ended') for (const { refused } of waiting.splice(0)) refused(lost())
      wake()
    },
  }
}
