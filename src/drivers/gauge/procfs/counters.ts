/** Single counters of the kernel, read. */

import { readFile } from 'node:fs/promises'
import type { DiskReading, NicReading } from '#model/readings.ts'

const sectorBytes = 512
const pageBytes = 4096

/** Pages swapped since boot, as bytes; null where the kernel does not say. */
export function swapBytes(vmstat: string, field: 'pswpin' | 'pswpout'): number | null {
  const [, pages] = new RegExp(`^${field} (\\d+)$`, 'm').exec(vmstat) ?? []
  return pages === undefined ? null : Number(pages) * pageBytes
}

export async function nicCounters(name: string): Promise<NicReading | undefined> {
  const count = async (file: string) =>
    Number(await readFile(`/sys/class/net/${name}/statistics/${file}`, 'utf8'))
  try {
    const [receivedBytes = 0, sentBytes = 0, receivedPackets = 0, sentPackets = 0, lost = 0, refused = 0] =
      await Promise.all(
        ['rx_bytes', 'tx_bytes', 'rx_packets', 'tx_packets', 'rx_dropped', 'tx_dropped'].map(count),
      )
    return { receivedBytes, sentBytes, receivedPackets, sentPackets, dropped: lost + refused }
  } catch {
    return undefined
  }
}

// As the C library numbers devices (makedev(3)).
const majorOf = (device: number) => Number((BigInt(device) >> 8n) & 0xfffn)
const minorOf = (device: number) => Number((BigInt(device) & 0xffn) | ((BigInt(device) >> 12n) & 0xfff00n))

/** The line of a device in /proc/diskstats; nothing of a file system without one (tmpfs, NFS). */
export function deviceCounters(diskstats: string, device: number): DiskReading | undefined {
  const [major, minor] = [majorOf(device), minorOf(device)]
  const line = diskstats
    .split('\n')
    .map((each) => each.trim().split(/\s+/))
    .find((fields) => Number(fields[0]) === major && Number(fields[1]) === minor && fields.length >= 14)
  if (line === undefined) return undefined
  const [, , , reads, , readSectors, readMs, writes, , writtenSectors, writeMs, , busyMs] = line
  return {
    readBytes: Number(readSectors) * sectorBytes,
    writeBytes: Number(writtenSectors) * sectorBytes,
    readOps: Number(reads),
    writeOps: Number(writes),
    // Field 16, since Linux 5.5.
    flushOps: Number(line[18] ?? 0),
    failedOps: 0,
    requestSeconds: (Number(readMs) + Number(writeMs)) / 1000,
    busySeconds: Number(busyMs) / 1000,
  }
}
