/**
 * Where the two ends meet: a TCP address, or a Unix socket.
 *
 * The controller makes the socket file and alone owns it (mode 0600). Its agent is either root, which may
 * connect to any socket, or a process of the same user: no group and no wider mode is needed.
 */

import { chmodSync, closeSync, constants, lstatSync, openSync, renameSync, rmSync } from 'node:fs'
import { connect, type ListenOptions, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { Problem } from '#model/problem.ts'

export type Address = { readonly path: string } | { readonly host: string; readonly port: number }

/** sockaddr_un holds 108 bytes with the NUL (unix(7)). */
const longestPath = 107

export type Reach = { readonly path: string; readonly release: () => void }

/** A name of the socket that fits into a socket address: through a descriptor of its folder if need be. */
export function reachOf(path: string): Reach {
  if (Buffer.byteLength(path) <= longestPath) return { path, release: () => {} }
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: join(`/proc/self/fd/${folder}`, basename(path)), release: () => closeSync(folder) }
}

const inodeOf = (path: string) => lstatSync(path, { throwIfNoEntry: false })

const busy = (address: string, port: string | number, cause?: unknown) =>
  new Problem('start/port-busy', { address, port }, { cause })

/** Whether a living process listens there. */
async function answers(path: string): Promise<boolean> {
  const reach = reachOf(path)
  const socket = connect(reach.path)
  try {
    return await new Promise((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
  } finally {
    socket.destroy()
    reach.release()
  }
}

async function listen(server: Server, options: ListenOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Listens; resolves with what takes the socket file away again. Problem `start/port-busy`. */
export async function listenAt(server: Server, address: Address): Promise<() => void> {
  if ('path' in address) return listenAtPath(server, address.path)
  try {
    await listen(server, { host: address.host, port: address.port })
  } catch (error) {
    throw busy(address.host, address.port, error)
  }
  return () => {}
}

/**
 * The socket is made beside its place with its final mode and then moved there: never open too widely,
 * and what a dead controller left is replaced at once. A living one, or another file there, is not touched.
 */
async function listenAtPath(server: Server, path: string): Promise<() => void> {
  const before = inodeOf(path)
  const isTaken = before !== undefined && (!before.isSocket() || (await answers(path)))
  if (isTaken) throw busy(dirname(path), basename(path))
  const draft = `${path}.new`
  rmSync(draft, { force: true })
  const reach = reachOf(draft)
  await listen(server, { path: reach.path })
  chmodSync(draft, 0o600)
  renameSync(draft, path)
  const ours = inodeOf(path)?.ino
  return () => {
    if (inodeOf(path)?.ino === ours) rmSync(path, { force: true })
    reach.release()
  }
}
