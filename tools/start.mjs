/** `npm start`: installs what is missing, then runs Decant in the foreground on the lock file's Node. */

import { join } from 'node:path'
import { checkout, ensureDependencies, lockedNode, pathWithin } from './setup/dependencies.mjs'
import { ensureSystem } from './setup/debian.mjs'
import { become } from './setup/programs.mjs'
import { honestly } from './setup/say.mjs'

const argv = process.argv.slice(2)
// Neither needs a hypervisor.
const isLight = argv.some((word) => word === '--help' || word.startsWith('--simulate'))

await honestly(async () => {
  await ensureDependencies()
  if (!isLight && process.env.DECANT_SIMULATE === undefined) await ensureSystem()
  return become(lockedNode, ['--max-semi-space-size=2', join(checkout, 'src/bin/start.ts'), ...argv], {
    env: {
      ...process.env,
      PATH: pathWithin(),
      NODE_COMPILE_CACHE: join(checkout, 'node_modules/.cache/compile'),
    },
    isTethered: true,
  })
})
