/** The named CPU models that guests can have here, asked of a QEMU that runs no guest. */

import { spawn } from 'node:child_process'
import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Emulator } from '../emulator.ts'
import { Lines } from '../qmp/lines.ts'

const most = 512

/** Models of which nothing would be missing; none where QEMU does not say. */
export async function askCpuModels(
  { binary, architecture }: Emulator,
  accelerator: 'kvm' | 'tcg',
): Promise<readonly string[]> {
  const machine = architecture === 'aarch64' ? 'virt' : 'q35'
  const child = spawn(
    binary,
    ['-M', machine, '-accel', accelerator, '-m', '16', '-S', '-nodefaults', '-no-user-config'].concat([
      '-display',
      'none',
      '-qmp',
      'stdio',
    ]),
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  const late = setTimeout(() => child.kill('SIGKILL'), limits.qmpAnswerMs)
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  for (const execute of ['qmp_capabilities', 'query-cpu-definitions', 'quit'])
    child.stdin.write(`${JSON.stringify({ execute })}\n`)
  const lines = new Lines(limits.qmpLineBytes)
  let models: readonly string[] = []
  try {
    for await (const bytes of child.stdout)
      for (const line of lines.push(bytes as Buffer)) models = modelsIn(line) ?? models
  } catch {
    // It ended in the middle of a line: what it said before counts.
  } finally {
    clearTimeout(late)
    child.kill('SIGKILL')
  }
  return models.slice(0, most)
}

/** The models of an answer; nothing when it is another answer. */
export function modelsIn(line: string): readonly string[] | undefined {
  const told = parsed(line)
  const list = isObject(told) ? told['return'] : undefined
  if (!Array.isArray(list) || list.length === 0) return undefined
  return list
    .flatMap((each: unknown) => {
      if (!isObject(each)) return []
      const { name, 'unavailable-features': missing } = each
      const isWhole = missing === undefined || (Array.isArray(missing) && missing.length === 0)
      return typeof name === 'string' && /^[\w.-]{1,64}$/.test(name) && isWhole ? [name] : []
    })
    .toSorted()
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
