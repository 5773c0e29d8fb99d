/** Lets a person change an object as YAML in the editor of their choice. */

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usage } from './arguments.ts'
import type { Context } from './command.ts'
import { documentsFrom } from './files.ts'
import { dataText } from './paper.ts'

const editorOf = ({ env }: Context['world']) =>
  [env.VISUAL, env.EDITOR].find((name) => name !== undefined && name.trim() !== '') ?? 'vi'

const run = (command: readonly string[]) =>
  new Promise<void>((resolve, reject) => {
    const child = spawn(command[0] ?? 'vi', command.slice(1), { stdio: 'inherit' })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))))
  })

/** What they saved. Problem `usage/unknown` without a terminal, or when nothing was changed. */
export async function edited(
  value: unknown,
  title: string,
  context: Context,
): Promise<Record<string, unknown>> {
  const { world, options } = context
  if (world.stdin.isTTY !== true || world.stdout.isTTY !== true)
    throw usage(options.language, 'nothing-to-change')
  const folder = await mkdtemp(join(tmpdir(), 'decant-edit-'))
  try {
    const path = join(folder, `${title}.yaml`)
    const before = await dataText(value, 'yaml')
    await writeFile(path, before, { mode: 0o600 })
    // EDITOR may hold flags, as in `code --wait`.
    await run([...editorOf(world).trim().split(/\s+/), path])
    if ((await readFile(path, 'utf8')) === before) throw usage(options.language, 'nothing-to-change')
    const [sheet] = await documentsFrom([path], context)
    return sheet?.value ?? {}
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
