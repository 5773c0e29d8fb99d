/** Flags that several commands of this machine have. */

import type { Flag } from '#cli/command.ts'

export const usualForceSeconds = 30

export const forceFlag: Flag = {
  name: 'force-after',
  value: '30s',
  summary: `How long a guest may take to power down before it is forced (${usualForceSeconds}s); 0s: at once`,
}
