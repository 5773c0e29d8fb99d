/** First boot: what a guest is told is what cloud-init takes, judged before anything is made. */

import type { FirstBoot } from '#kinds/machine/first-boot.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { networkConfigFault, userDataFault, type TextFault } from '#engines/first-boot/validate.ts'
import { isMessage } from '#model/user-data.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

const texts = [
  ['userData', userDataFault],
  ['vendorData', userDataFault],
  ['networkConfig', networkConfigFault],
] as const satisfies readonly (readonly [keyof FirstBoot, (text: string) => TextFault | undefined])[]

/** Whether the fields say anything that would have to stand in a message beside its parts. */
const saysMore = (wish: FirstBoot) =>
  [wish.sshKeys, wish.users, wish.packages, wish.files, wish.commands].some((list) => list.length > 0) ||
  wish.password !== null ||
  wish.timezone !== null

export const firstBoot: Rule<MachineSpec> = {
  name: 'first-boot',
  check({ spec, before }) {
    const wish = spec.firstBoot
    if (wish === null) return
    for (const [field, faultIn] of texts) {
      const text = wish[field]
      if (text === null || text === before?.firstBoot?.[field]) continue
      const fault = faultIn(text)
      if (fault === undefined) continue
      const { path, line, why } = fault
      throw fieldProblem(`spec.firstBoot.${field}`, 'cloud-init', { line, path: path || '–', why })
    }
    if (wish.userData !== null && isMessage(wish.userData) && saysMore(wish))
      throw fieldProblem('spec.firstBoot.userData', 'message-alone')
  },
}
