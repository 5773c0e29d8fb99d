/** Flags that several commands of this machine have. */

import type { Flag } from '#cli/command.ts'

export const usualForceSeconds = 30

export const forceFlag: Flag = {
  name: 'force-after',
  value: '30s',
  summary: `How long a guest may take to power down before it is forced (${usualForceSeconds}s); 0s: at once`,
}

/** Settings of `npm start` that a service can be given. */
export const serviceFlags: readonly Flag[] = [
  { name: 'port', value: 'N', summary: 'Port to serve on (7420)' },
  { name: 'listen', value: 'ADDRESS', summary: 'Address to serve on (127.0.0.1)' },
]
