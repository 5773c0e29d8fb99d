/** Shares: folders of the host that the machine is to be shown. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

/** Whether a folder is an allowed one, or lies below it; the host looks again, at what is really there. */
const isBelow = (folder: string, allowed: string) =>
  folder === allowed || folder.startsWith(allowed.endsWith('/') ? allowed : `${allowed}/`)

export const shares: Rule = {
  name: 'shares',
  forbids(host, { shareFolders }) {
    const missing = shareFolders.find(
      (folder) => !host.shareFolders.some((allowed) => isBelow(folder, allowed)),
    )
    return missing === undefined ? undefined : reason('placement/share', { folder: missing })
  },
}
