/** Changes of a guest while it runs. Each can be repeated: what is already so is left alone. */

import type { DiskFile, Medium, Plug } from './port.ts'

/**
 * Problems: `guest/absent`; `guest/no-slot` when every spare port is taken; `guest/clings` when the guest does
 * not let go within `limits.detachMs` (it may still do so later: look again); `qmp/refused`.
 */
export interface LiveParts {
  attachDisk(id: string, disk: DiskFile, signal: AbortSignal): Promise<void>
  /** Resolves once the guest has let go and the files are closed. */
  detachDisk(id: string, disk: string, signal: AbortSignal): Promise<void>
  /** Tells the guest of the new size; the file grows with it. */
  resizeDisk(id: string, disk: string, sizeBytes: number, signal: AbortSignal): Promise<void>
  limitDisk(
    id: string,
    disk: string,
    bounds: Pick<DiskFile, 'iops' | 'mibPerSecond'>,
    signal: AbortSignal,
  ): Promise<void>
  changeMedium(id: string, medium: Medium, signal: AbortSignal): Promise<void>
  attachNic(id: string, plug: Plug, signal: AbortSignal): Promise<void>
  detachNic(id: string, nic: string, signal: AbortSignal): Promise<void>
  setLink(id: string, nic: string, isUp: boolean, signal: AbortSignal): Promise<void>
  /** Only more: removing a virtual CPU is unsafe in QEMU 7.2. */
  setCpus(id: string, cpus: number, signal: AbortSignal): Promise<void>
  /** Within the bounds it was started with; less only as far as the guest lets go. */
  setMemory(id: string, memoryMib: number, signal: AbortSignal): Promise<void>
  setBalloon(id: string, memoryMib: number, signal: AbortSignal): Promise<void>
}
