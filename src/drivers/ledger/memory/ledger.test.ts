import { obeysLedgerContract } from '../contract.ts'
import { ledgerPages, memoryLedger } from './ledger.ts'

obeysLedgerContract('memory', async () => {
  const pages = ledgerPages()
  return {
    ledger: memoryLedger(pages),
    reopen: async () => memoryLedger(pages),
    rewrite: async (forge) => {
      pages.audits = [...forge(pages.audits)]
      return memoryLedger(pages)
    },
    dispose: () => undefined,
  }
})
