/** A raw disk has no header: its size says all. */

import { limits } from '#model/limits.ts'
import { sectorBytes, type Verdict } from './verdict.ts'

/** Why a disk of this size is refused, or nothing. */
export function faultOfSize(virtualBytes: number): string | undefined {
  if (virtualBytes <= 0) return 'its disk is empty'
  return virtualBytes > limits.diskGibPerVolume * 2 ** 30
    ? `its disk is larger than ${limits.diskGibPerVolume} GiB`
    : undefined
}

/** A raw disk has whole sectors; one whose last is short is filled up with zeros. */
export function judgeRaw(fileBytes: number): Verdict {
  const virtualBytes = Math.ceil(fileBytes / sectorBytes) * sectorBytes
  const why = faultOfSize(virtualBytes)
  return why === undefined ? { format: 'raw', virtualBytes } : { why }
}
