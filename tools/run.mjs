/** Runs one script of the checkout on the lock file's Node, after installing npm's packages if need be. */

import { ensureDependencies, ensureTools } from './setup/dependencies.mjs'
import { becomeReachable } from './setup/reach.mjs'
import { honestly } from './setup/say.mjs'

const [script = 'tools/check.ts', ...argv] = process.argv.slice(2)

await honestly(async () => {
  await ensureDependencies()
  await ensureTools()
  return becomeReachable([script, ...argv])
})
