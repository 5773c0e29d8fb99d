/** A terminal made of paper: runs one command line against an API and keeps what was written. */

import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { main } from '#cli/main.ts'
import type { World } from '#cli/command.ts'
import { bench, localToken, type Bench, type Fakes } from '../api/desk.ts'

export type Said = { readonly code: number; readonly out: string; readonly err: string }

export type Session = {
  readonly bench: Bench
  readonly folder: string
  /** Runs `decant …`; `input` is what a pipe would bring. */
  decant(line: string | readonly string[], input?: string): Promise<Said>
}

/** Words split at spaces; what holds spaces is given as a list. */
const wordsOf = (line: string | readonly string[]) => (typeof line === 'string' ? line.split(' ') : line)

export function paperWorld(folder: string, input = '') {
  const [out, err]: [string[], string[]] = [[], []]
  const text = (bytes: string | Uint8Array) =>
    typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()
  const world: World = {
    env: { DECANT_DATA: folder, LANG: 'C' },
    isRoot: false,
    home: folder,
    stdin: Readable.from([Buffer.from(input)]) as unknown as World['stdin'],
    stdout: { write: (bytes) => out.push(text(bytes)) },
    stderr: { write: (bytes) => err.push(text(bytes)) },
    nowMs: () => Date.now(),
    interrupted: new AbortController().signal,
  }
  return { world, said: () => ({ out: out.join(''), err: err.join('') }) }
}

export async function sessionFor(t: TestContext, fakes: Fakes = {}): Promise<Session> {
  const made = await bench({ fakes })
  const { server } = made.api
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const folder = await mkdtemp(join(tmpdir(), 'decant-session-'))
  t.after(async () => {
    await made.close()
    await rm(folder, { recursive: true })
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await mkdir(join(folder, 'run'))
  await writeFile(join(folder, 'run', 'endpoint.json'), JSON.stringify({ url }))
  await writeFile(join(folder, 'run', 'admin.token'), `${localToken}\n`)
  const decant = async (line: string | readonly string[], input?: string): Promise<Said> => {
    const { world, said } = paperWorld(folder, input)
    const code = await main(wordsOf(line), world)
    return { code, ...said() }
  }
  return { bench: made, folder, decant }
}
