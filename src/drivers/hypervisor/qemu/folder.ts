/**
 * A guest's run folder: record, sockets, QEMU's complaints. While QEMU opens its sockets the folder is its
 * own; before the guest's first instruction it is taken back, so that a QEMU in its guest's hands can
 * neither replace a socket by a link to another guest's, nor touch its record.
 */

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fstatSync,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { inert } from '#base/text.ts'
import { limits } from '#model/limits.ts'

const guestId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const logName = 'qemu.log'
const screenName = 'screen.png'
/** Firmware's settings and the TPM's state outlive every process; a guest with secure boot has others. */
const kept = new Set(['body.json', 'uid', 'settings.fd', 'settings-secure.fd', 'tpm'])

export const isGuestId = (id: string) => guestId.test(id)

/** Ids of all guests with a run folder. */
export const runFolders = (folder: string): string[] => readdirSync(folder).filter(isGuestId)

/**
 * Empties a run folder of what the last process left, and lays out what the next one needs; `told` is what its
 * guest may read, and nobody else.
 */
export function prepareFolder(
  folder: string,
  told: Readonly<Record<string, string | Uint8Array>>,
  uid: number | null,
): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const name of readdirSync(folder)) if (!kept.has(name)) rmSync(join(folder, name), { recursive: true })
  for (const [name, text] of Object.entries({ ...told, [screenName]: '' })) {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    if (uid !== null) chownSync(join(folder, name), uid, uid)
  }
  if (uid === null) return chmodSync(folder, 0o700)
  chownSync(folder, uid, uid)
}

/** Firmware's settings as the guest left them; as they come with the firmware, the first time. Gives their name. */
export function keepSettings(
  folder: string,
  template: string,
  isSecure: boolean,
  uid: number | null,
): string {
  const name = isSecure ? 'settings-secure.fd' : 'settings.fd'
  const file = join(folder, name)
  if (!existsSync(file)) {
    copyFileSync(template, `${file}.new`)
    chmodSync(`${file}.new`, 0o600)
    renameSync(`${file}.new`, file)
  }
  if (uid !== null) lchownSync(file, uid, uid)
  return name
}

/** Takes the folder back from the guest's user. */
export function reclaimFolder(folder: string, uid: number | null): void {
  if (uid !== null) chownSync(folder, 0, uid)
  chmodSync(folder, 0o750)
}

/** A descriptor to which QEMU's complaints go. */
export const openLog = (folder: string): number => openSync(join(folder, logName), 'a', 0o600)

/** The last of QEMU's complaints, made inert, without this host's folders; at most 400 characters. */
export function lastComplaint(folder: string): string {
  const text = Buffer.from(readTail(join(folder, logName), 4096) ?? []).toString('utf8')
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('char device'))
  return inert(lines.slice(-4).join(' | '))
    .replaceAll(/\/\S*\//g, '…/')
    .slice(-400)
}

/** Keeps the log below its bound; QEMU appends, so it may be cut at any time. */
export function boundLog(folder: string): void {
  const file = join(folder, logName)
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > limits.qemuLogBytes) truncateSync(file, 0)
}

export const screenFile = screenName

/** The screenshot that QEMU wrote; nothing when what lies there is no plain file of bounded size. */
export const readScreen = (folder: string): Uint8Array | undefined =>
  readTail(join(folder, screenName), limits.screenshotBytes)

/** Reads the end of a plain file; never through a link, never waiting on a pipe. */
function readTail(file: string, most: number): Uint8Array | undefined {
  const descriptor = openPlain(file)
  if (descriptor === undefined) return undefined
  try {
    const facts = fstatSync(descriptor)
    if (!facts.isFile()) return undefined
    const bytes = Buffer.alloc(Math.min(most, facts.size))
    const count = readSync(descriptor, bytes, 0, bytes.length, facts.size - bytes.length)
    return bytes.subarray(0, count)
  } finally {
    closeSync(descriptor)
  }
}

function openPlain(file: string): number | undefined {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
}
