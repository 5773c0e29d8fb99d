/**
 * Writes a cpio archive of the "newc" form, the one that Linux unpacks as its first root file system.
 * Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel. Everything belongs to
 * root and has no time, so that the same content is the same archive.
 */

export type Member = {
  /** Without a leading slash. Folders come before what is in them. */
  readonly name: string
  /** Type and permissions, as in `stat`. */
  readonly mode: number
  readonly content: Uint8Array
  /** Major and minor number of a device. */
  readonly device?: readonly [number, number]
}

export const folder = (name: string): Member => ({ name, mode: 0o040755, content: Buffer.alloc(0) })

export const program = (name: string, content: Uint8Array | string): Member => ({
  name,
  mode: 0o100755,
  content: Buffer.from(content),
})

export const file = (name: string, content: Uint8Array | string): Member => ({
  name,
  mode: 0o100644,
  content: Buffer.from(content),
})

export const device = (name: string, major: number, minor: number): Member => ({
  name,
  mode: 0o020600,
  content: Buffer.alloc(0),
  device: [major, minor],
})

const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0')
const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])

function record({ name, mode, content, device = [0, 0] }: Member, inode: number): Buffer {
  const links = (mode & 0o170000) === 0o040000 ? 2 : 1
  const fields = [
    inode,
    mode,
    0,
    0,
    links,
    0,
    content.length,
    0,
    0,
    ...device,
    Buffer.byteLength(name) + 1,
    0,
  ]
  const head = Buffer.from(`070701${fields.map(hex).join('')}${name}\0`)
  return Buffer.concat([padded(head), padded(Buffer.from(content))])
}

export const cpio = (members: readonly Member[]): Buffer =>
  Buffer.concat([
    ...members.map((member, index) => record(member, index + 1)),
    record({ name: 'TRAILER!!!', mode: 0, content: Buffer.alloc(0) }, 0),
  ])
