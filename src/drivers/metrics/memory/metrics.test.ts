import { obeysMetricsContract } from '../contract.ts'
import { memoryMetrics, type MetricsPages } from './metrics.ts'

obeysMetricsContract('memory', async () => {
  const pages: MetricsPages = new Map()
  return { metrics: memoryMetrics(pages), reopen: async () => memoryMetrics(pages), dispose: () => undefined }
})
