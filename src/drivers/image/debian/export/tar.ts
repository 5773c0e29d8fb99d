/** Writes a tar archive as a stream: plain files only, in the form that every reader of OVA knows (POSIX.1-1988 ustar). */

const block = 512
/** What eleven octal digits hold. */
const mostBytes = 8 ** 11 - 1

export type TarFile = {
  readonly name: string
  readonly bytes: number
  readonly content: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

export const tarBytes = (files: readonly TarFile[]) =>
  files.reduce((sum, { bytes }) => sum + block + Math.ceil(bytes / block) * block, 2 * block)

export async function* tar(files: readonly TarFile[]): AsyncGenerator<Uint8Array> {
  for (const { name, bytes, content } of files) {
    yield headerOf(name, bytes)
    let written = 0
    for await (const piece of content()) {
      written += piece.length
      yield piece
    }
    if (written !== bytes) throw new Error(`${name} has ${written} bytes instead of ${bytes}`)
    const rest = (block - (bytes % block)) % block
    if (rest > 0) yield Buffer.alloc(rest)
  }
  yield Buffer.alloc(2 * block)
}

function headerOf(name: string, bytes: number): Buffer {
  const header = Buffer.alloc(block)
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  header.write(name, 0, 100, 'latin1')
  octal(0o644, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  if (bytes <= mostBytes) octal(bytes, 124, 11)
  else {
    // GNU's form for what is larger than 8 GiB; libarchive, GNU tar, VirtualBox and ovftool read it.
    header.writeUInt32BE(0x8000_0000, 124)
    header.writeBigUInt64BE(BigInt(bytes), 128)
  }
  octal(0, 136, 11)
  header.write('        0', 148, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
