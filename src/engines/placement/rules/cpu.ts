/** CPU: the model that the machine asks for by name, where the host says which it can run. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const cpu: Rule = {
  name: 'cpu',
  forbids: (host, { cpuModel }) =>
    cpuModel === null || host.cpuModels.length === 0 || host.cpuModels.includes(cpuModel)
      ? undefined
      : reason('placement/cpu-model', { model: cpuModel }),
}
