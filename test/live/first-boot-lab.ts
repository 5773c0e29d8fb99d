/** A Decant of its own with a Debian that was built by it: what the long test and the bench of first boots begin with. */

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkout, end, freePort, processesOn, start, type Started } from '../start/decant.ts'

const execute = promisify(execFile)

export type Lab = {
  readonly folder: string
  /** Runs `decant …`; rejects when its exit code is not 0. */
  readonly decant: (...argv: readonly string[]) => Promise<string>
  /** Its exit code as well. */
  readonly tried: (...argv: readonly string[]) => Promise<{ code: number; out: string; err: string }>
  /** Creates a machine of the image with this first boot, and waits until it is ready; milliseconds. */
  readonly boot: (name: string, firstBoot: object, spec?: object) => Promise<number>
  readonly close: () => void
}

export async function openLab(): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'decant-first-boot-'))
  const person = { uid: undefined, home: folder }
  const begun: Started = start(person, '--data', folder, '--port', String(await freePort()))
  const close = () => {
    for (const { pid } of processesOn(folder)) end(pid)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
  const tried = async (...argv: readonly string[]) => {
    const words = [...argv.slice(0, 2), '--data', folder, ...argv.slice(2)]
    const options = { maxBuffer: 2 ** 24, encoding: 'utf8' } as const
    return await execute(join(checkout, 'decant'), words, options).then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      (fault: { code?: number; stdout?: string; stderr?: string }) => ({
        code: fault.code ?? 1,
        out: fault.stdout ?? '',
        err: fault.stderr ?? '',
      }),
    )
  }
  const decant = async (...argv: readonly string[]) => {
    const { code, out, err } = await tried(...argv)
    if (code !== 0) throw new Error(`decant ${argv.join(' ')}: ${err}`)
    return out
  }
  const boot = async (name: string, firstBoot: object, spec: object = {}) => {
    const file = join(folder, `${name}.json`)
    writeFileSync(file, JSON.stringify({ spec: { image: 'debian', memoryMib: 512, ...spec, firstBoot } }))
    const sinceMs = performance.now()
    await decant('machine', 'create', name, '-f', file, '--wait=ready')
    return performance.now() - sinceMs
  }
  try {
    await begun.ready()
    await decant('machine', 'delete', 'hello', '--yes', '--wait')
  } catch (fault) {
    close()
    throw fault
  }
  return { folder, decant, tried, boot, close }
}
