/** Takes away what has expired: sessions, links, repeats. Nothing grows without bound (I-48). */

import { isObject } from '#base/json.ts'
import { commitAll } from './companions.ts'
import type { Room } from './api.ts'

const everyMs = 10 * 60_000
const expiring = ['session', 'secret', 'idempotency'] as const

export async function sweep({ desk }: Pick<Room, 'desk'>): Promise<number> {
  let count = 0
  for (const kind of expiring) {
    const { entries } = await desk.store.snapshot(kind)
    const now = desk.clock.now()
    const gone = entries.filter(
      ({ value }) => isObject(value) && typeof value.expiresAtMs === 'number' && value.expiresAtMs <= now,
    )
    await commitAll(
      desk,
      gone.map(({ kind, id }) => ({ op: 'remove', kind, id })),
    )
    count += gone.length
  }
  return count
}

export function sweepForEver(room: Room) {
  const { desk, closing } = room
  const again = async () => {
    // A failing store is said by the health page; the next round tries again.
    await sweep(room).catch(() => 0)
    if (!closing.aborted) cancel = desk.clock.after(everyMs, () => void again())
  }
  let cancel = desk.clock.after(everyMs, () => void again())
  closing.addEventListener('abort', () => cancel())
}
