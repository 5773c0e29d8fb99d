/** A shell on the serial line of a machine of the starter image, signed in. */

import { setTimeout as sleep } from 'node:timers/promises'
import { openConsole } from '#client/console.ts'
import { machine } from '#kinds/machine/schema.ts'
import type { Rig } from './real-rig.ts'

export type Shell = {
  readonly type: (line: string) => void
  readonly said: () => string
  readonly close: () => void
}

/** Signs in as root, who has no password there. */
export async function shellOn(rig: Rig, name: string): Promise<Shell> {
  const line = await openConsole(rig.client(), { kind: machine, name, type: 'serial' })
  let said = ''
  void (async () => {
    for await (const bytes of line.bytes) said += Buffer.from(bytes).toString('latin1')
  })()
  const type = (text: string) => {
    said = ''
    line.write(new TextEncoder().encode(`${text}\n`))
  }
  type('')
  for (let tries = 0; tries < 60; tries++) {
    await sleep(500)
    if (/[#$] (\x1b\[6n)?$/.test(said)) return { type, said: () => said, close: () => line.close() }
    if (/login: *$/.test(said)) type('root')
    else if (/Password: *$/.test(said) || tries % 8 === 7) type('')
  }
  throw new Error(`no shell: ${said.slice(-300)}`)
}
