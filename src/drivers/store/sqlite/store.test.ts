import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { obeysStoreContract } from '../contract.ts'
import { openSqliteStore } from './store.ts'

obeysStoreContract('sqlite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-store-'))
  let store = await openSqliteStore({ folder })
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await openSqliteStore({ folder })
      return store
    },
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
})
