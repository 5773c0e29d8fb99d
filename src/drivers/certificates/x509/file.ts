/** A certificate and its key in one file: there is never one without the other. */

import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export type Pair = { readonly certificate: string; readonly key: string }

const pem = (kind: string) => new RegExp(`-----BEGIN ${kind}-----[A-Za-z0-9+/=\\s]+-----END ${kind}-----\\n?`)

/** The pair in a file; nothing when there is no file, empty texts where a part is missing. */
export async function readPair(file: string): Promise<Pair | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  return {
    certificate: pem('CERTIFICATE').exec(text)?.[0] ?? '',
    key: pem('PRIVATE KEY').exec(text)?.[0] ?? '',
  }
}

/** Written whole or not at all, also when the power fails; readable for its owner alone from the start. */
export async function writePair(file: string, { certificate, key }: Pair): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${randomUUID()}`
  try {
    await using handle = await open(draft, 'wx', 0o600)
    await handle.writeFile(certificate + key)
    await handle.sync()
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
  await using folder = await open(dirname(file))
  await folder.sync()
}
