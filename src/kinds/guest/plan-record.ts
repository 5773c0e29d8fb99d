/** What a guest's planner knows and may ask for: the agent's own note of the guest, what is seen of it, and the steps. */

import type { Moment } from '#kinds/snapshot/parts.ts'
import type { Hold } from '#model/plan.ts'
import type { GuestDisk, GuestNic } from './parts.ts'
import type { GuestInside, GuestSpec, GuestStatus } from './schema.ts'

export type Exit = NonNullable<GuestStatus['exit']>

/** What only a start changes, as it was at the start. */
export type Begun = Pick<GuestSpec, 'memoryMib' | 'machineType' | 'kernelImage' | 'commandLine' | 'shape'>

export type GuestRecord = {
  /** Highest epoch that this host was ever given for the guest; an older order is refused. */
  readonly epoch: number
  /** The boot that was begun last; 0: none. */
  readonly boot: number
  /** How that boot ended; null while it has not. */
  readonly exit: Exit | null
  /** Crashes in a row. */
  readonly crashes: number
  /** When the power button was first, and last, pressed in this boot. */
  readonly askedAtMs: number | null
  readonly pressedAtMs: number | null
  /** Boot id of the host when this boot was begun. */
  readonly hostBoot: string
  readonly isRemoved: boolean
  /** Null: not known. */
  readonly begun: Begun | null
  /**
   * What its process may have open, as it was attached: noted before a part comes, taken out after it has gone.
   * What is not noted here is not open (I-01).
   */
  readonly disks: readonly GuestDisk[]
  readonly nics: readonly GuestNic[]
  /** Whether this boot goes on from a snapshot's memory. */
  readonly goesOn: boolean
  /** Versioned machine type and CPU model that it was begun with. */
  readonly machineVersion: string | null
  readonly ready: GuestStatus['ready']
  /** Whether a person has wished it paused after its watchdog had: then it may go on. */
  readonly isWatchdogKnown: boolean
}

export const blankRecord: GuestRecord = {
  epoch: 0,
  boot: 0,
  exit: null,
  crashes: 0,
  askedAtMs: null,
  pressedAtMs: null,
  hostBoot: '',
  isRemoved: false,
  begun: null,
  disks: [],
  nics: [],
  goesOn: false,
  machineVersion: null,
  ready: null,
  isWatchdogKnown: false,
}

/** What runs, as the hypervisor says. */
export type GuestRunning = {
  readonly cpus: number
  readonly memoryMib: number
  readonly machineType: string
  readonly cpusMax: number
  readonly memoryMaxMib: number
  readonly balloonMib: number | null
  readonly machineVersion: string | null
  readonly disks: readonly { readonly id: string; readonly file: string; readonly sizeBytes: number }[]
  readonly nics: readonly { readonly id: string; readonly mac: string; readonly isLinkUp: boolean }[]
  readonly cdroms: readonly { readonly id: string; readonly file: string | null }[]
}

/** How a change went that was tried before; forgotten with the agent. */
export type Attempt = {
  readonly tries: number
  readonly atMs: number
  /** Why it did not come to be; null while it seemed well. */
  readonly hold: Hold | null
}

export type GuestObserved = {
  readonly process:
    | 'absent'
    | 'starting'
    | 'running'
    | 'paused'
    | 'shutdown'
    | 'panicked'
    | 'lost'
    | 'strange'
  readonly pid: number | null
  /** Boot and epoch of the process that is seen. */
  readonly boot: number
  readonly startedAtMs: number | null
  readonly running: GuestRunning | null
  readonly isIoStopped: boolean
  readonly isWatchdogStopped: boolean
  readonly wordSeenAtMs: number | null
  readonly inside: GuestInside | null
  readonly detail: string
  readonly record: GuestRecord
  /** What a part that does not run yet waits for, by `disk/disk1`, `nic/net0`, `cdrom/cdrom0`, `kernel`, `memory`. */
  readonly waits: Readonly<Record<string, Hold>>
  /** File of the medium that each drive should have. */
  readonly media: Readonly<Record<string, string | null>>
  /** By the key of the step. */
  readonly attempts: Readonly<Record<string, Attempt>>
  /** What ran when the memory was kept that it goes on from; null: it boots, or that is not known. */
  readonly moment: Moment | null
  /** Whether the store still wishes for it. */
  readonly isClaimed: boolean
  readonly hostBoot: string
  readonly nowMs: number
}

/** Changes of a guest that runs. */
export type LiveStep =
  | { readonly do: 'attach-disk'; readonly disk: string; readonly volume: string }
  | { readonly do: 'detach-disk'; readonly disk: string }
  | { readonly do: 'resize-disk'; readonly disk: string; readonly sizeBytes: number }
  | {
      readonly do: 'limit-disk'
      readonly disk: string
      readonly iops: number | null
      readonly mibPerSecond: number | null
    }
  | { readonly do: 'change-medium'; readonly cdrom: string; readonly file: string | null }
  | { readonly do: 'attach-nic'; readonly nic: string }
  | { readonly do: 'detach-nic'; readonly nic: string }
  /** Makes the host's side of a NIC anew; the guest keeps its own. */
  | { readonly do: 'renew-nic'; readonly nic: string }
  | { readonly do: 'set-link'; readonly nic: string; readonly isUp: boolean }
  | { readonly do: 'set-cpus'; readonly cpus: number }
  | { readonly do: 'set-memory'; readonly memoryMib: number }
  | { readonly do: 'set-balloon'; readonly memoryMib: number }

export type GuestStep =
  | { readonly do: 'note'; readonly record: GuestRecord }
  | { readonly do: 'spawn'; readonly goesOn: boolean }
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  | { readonly do: 'powerdown' }
  | { readonly do: 'kill' }
  | { readonly do: 'remove' }
  | LiveStep

export const note = (record: GuestRecord): GuestStep => ({ do: 'note', record })
