/** What lies where under the data folder, and to whom it belongs. */

import { chmodSync, existsSync, lchownSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Problem } from '#model/problem.ts'
import { endpointFile, tokenFile } from '#cli/place.ts'

/**
 * The controller's own uid where Decant runs as root: the first of the range 1879048192–2147352575 that
 * systemd's list of uids leaves to nobody (systemd.io/UIDS-GIDS). No account is created.
 */
export const controllerUid = 0x7000_0000

export type Layout = {
  readonly data: string
  /** Of the supervisor: how to reach this Decant, and the proof of being its administrator. */
  readonly run: string
  readonly endpointFile: string
  readonly tokenFile: string
  readonly authorityFile: string
  readonly lockFile: string
  readonly hostFile: string
  /** Of the controller: store, ledger, certificate authority. */
  readonly controller: string
  /** Of the agent: guests, volumes, images, what it remembers. */
  readonly agent: string
  /** Where the two meet: the controller's socket. */
  readonly link: string
  readonly linkSocket: string
}

export function layoutOf(data: string): Layout {
  const run = join(data, 'run')
  return {
    data,
    run,
    endpointFile: endpointFile(data),
    tokenFile: tokenFile(data),
    authorityFile: join(run, 'authority.pem'),
    lockFile: join(run, 'lock'),
    hostFile: join(run, 'host'),
    controller: join(data, 'controller'),
    agent: join(data, 'agent'),
    link: join(data, 'link'),
    linkSocket: join(data, 'link', 'agent.sock'),
  }
}

/** One folder with exactly this mode. A symbolic link in its place is refused. */
function folder(path: string, mode: number) {
  if (!existsSync(path)) mkdirSync(path, { mode })
  const status = lstatSync(path)
  if (!status.isDirectory())
    throw new Problem('setting/invalid', { setting: 'data', why: `${path} is no folder` })
  if ((status.mode & 0o777) !== mode) chmodSync(path, mode)
}

/** What the kernel refused (errno(3)), for people. */
function lackOf({ code, path = 'the folder', message }: NodeJS.ErrnoException): string {
  if (code === 'EACCES' || code === 'EPERM') return `this user may not make or change ${path}`
  if (code === 'EROFS') return `${path} lies on a read-only file system`
  if (code === 'ENOSPC' || code === 'EDQUOT') return `there is no room for ${path}`
  if (code === 'ENOENT' || code === 'ENOTDIR') return `${path} cannot be a folder`
  return `cannot be used: ${message}`
}

/** Node's own recursive mkdir never ends under /proc, where the kernel says that the parent is missing. */
function folders(path: string) {
  if (existsSync(path)) return
  folders(dirname(path))
  mkdirSync(path, { mode: 0o755 })
}

/** Refuses a data folder in which others could put something in the place of what is ours. */
function checkOwner(data: string) {
  const { uid, mode } = statSync(data)
  const refusal = (why: string) => new Problem('setting/invalid', { setting: 'data', why })
  if (uid !== 0 && uid !== process.getuid?.()) throw refusal(`${data} belongs to another user (uid ${uid})`)
  if ((mode & 0o002) !== 0) throw refusal(`every user can write to ${data}`)
}

/** Makes the folders that are missing. Problem `setting/invalid` on `data`. */
export function layOut(layout: Layout, isRoot: boolean) {
  try {
    folders(layout.data)
    checkOwner(layout.data)
    folder(layout.run, 0o700)
    // Guests have uids of their own and must reach their own folders in it.
    folder(layout.agent, isRoot ? 0o711 : 0o700)
    folder(layout.controller, 0o700)
    folder(layout.link, 0o700)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('setting/invalid', { setting: 'data', why: lackOf(error as NodeJS.ErrnoException) })
  }
}

/** Gives the controller's folders, with all that lies in them, to the uid under which it runs now. */
export function giveController({ controller, link }: Layout, uid: number) {
  for (const folder of [controller, link]) {
    if (statSync(folder).uid === uid) continue
    for (const name of readdirSync(folder)) lchownSync(join(folder, name), uid, uid)
    // Last, so that a crash in between leaves it to be done again.
    lchownSync(folder, uid, uid)
  }
}
