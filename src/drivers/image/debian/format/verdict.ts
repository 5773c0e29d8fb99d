/** What a header reader says of a content, and how it reads it: by offset, never more than it asks for. */

import type { FileHandle } from 'node:fs/promises'

export type DiskFormat = 'qcow2' | 'raw' | 'vmdk' | 'vdi' | 'vpc' | 'vhdx' | 'iso'

export type Verdict =
  | { readonly why: string }
  | { readonly format: DiskFormat; readonly virtualBytes: number }

export type Reader = {
  readonly fileBytes: number
  /** The bytes from an offset; fewer where the content ends. */
  read(at: number, bytes: number): Promise<Buffer>
}

export const sectorBytes = 512

export const readerOf = (handle: FileHandle, fileBytes: number): Reader => ({
  fileBytes,
  read: async (at, bytes) => {
    const wanted = Math.max(0, Math.min(bytes, fileBytes - at))
    const buffer = Buffer.alloc(wanted)
    let got = 0
    while (got < wanted) {
      const { bytesRead } = await handle.read(buffer, got, wanted - got, at + got)
      if (bytesRead === 0) break
      got += bytesRead
    }
    return buffer.subarray(0, got)
  },
})

export const readerOfBytes = (content: Buffer): Reader => ({
  fileBytes: content.length,
  read: async (at, bytes) =>
    content.subarray(Math.min(at, content.length), Math.min(at + bytes, content.length)),
})

/** A part of a content as a content of its own. */
export const windowOf = (reader: Reader, from: number, fileBytes: number): Reader => ({
  fileBytes,
  read: (at, bytes) => reader.read(from + at, Math.max(0, Math.min(bytes, fileBytes - at))),
})

/** A length or offset in a file as a number; beyond what a number holds exactly, it is a lie. */
export const numberFrom = (value: bigint) =>
  value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity

export const isPowerOfTwo = (value: number) => value > 0 && Number.isInteger(Math.log2(value))
