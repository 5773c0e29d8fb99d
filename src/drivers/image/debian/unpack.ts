/** Unpacks gz, xz and zst into a file, within bounds: what becomes of it, how much room it takes, how long it lasts. */

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip, createZstdDecompress, constants } from 'node:zlib'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { isOfJail } from './convert.ts'
import type { Packing } from './format/header.ts'
import { jailed } from './jail.ts'
import { Pouring, type PouringOptions, type Sums } from './pouring.ts'
import { refused } from './refusal.ts'
import { streamTool } from './tool.ts'

/** xz's strongest setting needs 65 MiB to unpack. */
const xzMemory = '512MiB'
/** The widest window of zstd's ordinary settings; 128 MiB. */
const zstdWindowLog = 27
const pieceBytes = 1_048_576
/** xz unpacks at least this much in a second. */
const xzBytesPerSecond = 5 * 1024 ** 2

export type Packed = {
  readonly file: string
  readonly packing: Packing
  /** The part of the file that is packed. */
  readonly at: number
  readonly bytes: number
  /** Folder for the work. */
  readonly folder: string
}

export type Unpacked = { readonly fileBytes: number; readonly sums: Sums }

/** The most that a packed content may become. */
export const mostUnpacked = (packedBytes: number) =>
  Math.min(limits.uploadBytes, Math.max(limits.unpackAnywayBytes, packedBytes * limits.unpackRatio))

/** Writes what is packed to `to`. Problem `image/refused` when it is damaged or becomes too much. */
export async function unpackTo(
  to: string,
  packed: Packed,
  { into, onWay, signal }: Pick<PouringOptions, 'into' | 'onWay'> & { readonly signal: AbortSignal },
): Promise<Unpacked> {
  const mostBytes = mostUnpacked(packed.bytes)
  await using handle = await open(to, 'wx+', 0o600)
  const pouring = new Pouring(handle, {
    into,
    mostBytes,
    tooLong: 'it becomes too large when it is unpacked',
    ...(onWay === undefined ? {} : { onWay }),
  })
  try {
    for await (const piece of piecesOf(packed, signal)) {
      signal.throwIfAborted()
      await pouring.take(piece)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw damaged(error, packed.packing)
  }
  await pouring.mark()
  return { fileBytes: pouring.bytes, sums: pouring.sums() }
}

function piecesOf(packed: Packed, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { file, packing, at, bytes, folder } = packed
  if (packing === 'xz') {
    const cpuSeconds = 60 + Math.ceil(mostUnpacked(bytes) / xzBytesPerSecond)
    const argv = jailed(['xz', '-dc', '-T1', `--memlimit-decompress=${xzMemory}`, '--', '/in0'], {
      reads: [file],
      cpuSeconds,
      fileBytes: 0,
    })
    const timeoutMs = Math.min(cpuSeconds * 2000, 2 ** 31 - 1)
    return streamTool('bwrap', argv, { signal, folder, as: 'xz', timeoutMs })
  }
  const source = createReadStream(file, { start: at, end: at + bytes - 1, highWaterMark: pieceBytes })
  const unpacker =
    packing === 'gz'
      ? createGunzip({ chunkSize: pieceBytes })
      : createZstdDecompress({
          chunkSize: pieceBytes,
          params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog },
        })
  source.once('error', (error) => unpacker.destroy(error))
  return source.pipe(unpacker).once('close', () => source.destroy())
}

function damaged(error: unknown, packing: Packing): unknown {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : ''
  if (/^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB)/.test(code)) return refused(`it is damaged: ${packing} cannot unpack it`)
  if (!(error instanceof Problem) || error.code !== 'tool/failed') return error
  const why = String(error.facts['why'])
  return isOfJail(why) ? error : refused(`it is damaged: ${packing} cannot unpack it`)
}
