/** `npm run setup`: installs all that starting, checking and testing need, and nothing else. */

import { ensureSystem } from './setup/debian.mjs'
import { ensureDependencies, ensureTools } from './setup/dependencies.mjs'
import { honestly } from './setup/say.mjs'

await honestly(async () => {
  await ensureDependencies()
  await ensureTools()
  await ensureSystem()
  return 0
})
