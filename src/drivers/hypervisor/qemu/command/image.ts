/** A disk as QEMU opens it: all that it stands on, each with its format said; it must never guess one (I-30). */

import type { JsonObject } from '#base/json.ts'
import type { DiskFile, FileLayer } from '../../port.ts'

/** How QEMU names the key that opens a layer. */
export const keyObject = (key: string) => `key-${key}`

/** The node of a disk, named as asked. */
export function nodeOf(disk: DiskFile, name: string): JsonObject {
  const beneath = disk.backing.reduceRight<JsonObject | null>(
    (below, each) => withBacking(layerOf(each, disk, true), below),
    null,
  )
  return { 'node-name': name, ...withBacking(layerOf(disk, disk, disk.isReadOnly), beneath) }
}

type Ways = Pick<DiskFile, 'cache' | 'io' | 'discard'>

/** One file, as it is opened. */
export function layerOf(
  { file, format, key, isDevice }: FileLayer,
  ways: Ways,
  isReadOnly: boolean,
): JsonObject {
  const common = {
    discard: ways.discard ? 'unmap' : 'ignore',
    cache: { direct: ways.cache === 'none', 'no-flush': ways.cache === 'unsafe' },
  }
  return {
    driver: format,
    'read-only': isReadOnly,
    ...common,
    ...(key === null ? {} : { encrypt: { format: 'luks', 'key-secret': keyObject(key) } }),
    // Not said to be writable: the file follows its layer, so that QEMU lets go of it when that becomes read-only.
    file: {
      driver: isDevice === true ? 'host_device' : 'file',
      filename: file,
      aio: queueOf(ways),
      ...common,
      ...(isReadOnly ? { 'read-only': true } : {}),
    },
  }
}

/** `auto`: threads, which work with every cache mode, file system and kernel. */
const queueOf = ({ io }: Ways) => (io === 'auto' ? 'threads' : io === 'io-uring' ? 'io_uring' : io)

/** A qcow2 without a backing file says so: its header is not to be believed. */
const withBacking = (top: JsonObject, beneath: JsonObject | null): JsonObject =>
  top['driver'] === 'qcow2' ? { ...top, backing: beneath } : top

/** Whether keys must be there before it can be opened. */
export const isEncrypted = ({ key, backing }: DiskFile) =>
  key !== null || backing.some((layer) => layer.key !== null)
