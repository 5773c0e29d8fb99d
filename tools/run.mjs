/** Runs one script of the checkout on the lock file's Node, after installing npm's packages if need be. */

import { join } from 'node:path'
import { checkout, ensureDependencies, lockedNode, pathWithin } from './setup/dependencies.mjs'
import { become } from './setup/programs.mjs'
import { honestly } from './setup/say.mjs'

const [script = 'tools/check.ts', ...argv] = process.argv.slice(2)

await honestly(async () => {
  await ensureDependencies()
  return become(lockedNode, [join(checkout, script), ...argv], {
    env: { ...process.env, PATH: pathWithin() },
  })
})
