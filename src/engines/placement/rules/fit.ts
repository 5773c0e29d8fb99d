/** Fit: the processor architecture of the image, and the labels that the machine asks of its host. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const fit: Rule = {
  name: 'fit',
  forbids(host, ask) {
    if (ask.architecture !== 'any' && ask.architecture !== host.architecture) {
      return reason('placement/arch', { image: ask.architecture, host: host.architecture })
    }
    const missing = Object.entries(ask.hostLabels).find(([key, value]) => host.labels[key] !== value)
    return missing === undefined ? undefined : reason('placement/labels', { label: missing.join('=') })
  },
}
