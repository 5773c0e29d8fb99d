/** What the agent asks of any hypervisor. Each folder beside this file is one answer. */

import type { JsonObject } from '#base/json.ts'
import type { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { Usage } from '#model/readings.ts'
import type { GuestAgent } from './port-agent.ts'
import type { LiveLayers } from './port-layers.ts'
import type { LiveParts } from './port-parts.ts'

/** One file of a disk. `key`: name of the key that opens it (LUKS within qcow2); null: not encrypted. */
export type FileLayer = {
  readonly file: string
  readonly format: 'qcow2' | 'raw'
  readonly key: string | null
  /** Whether it is a block device rather than a file. */
  readonly isDevice?: boolean
}

/** A disk ready to be opened by the guest; beneath it what it stands on, nearest first, opened read-only. */
export type DiskFile = FileLayer &
  Pick<GuestDisk, 'id' | 'isReadOnly' | 'bus' | 'cache' | 'io' | 'discard' | 'iops' | 'mibPerSecond'> & {
    readonly backing: readonly FileLayer[]
    /** Keys by name, for the layers that need one. Secrets: never in arguments, logs or files that stay. */
    readonly keys: Readonly<Record<string, string>>
  }

/** A drive for read-only media; `file` null: it is empty. */
export type Medium = { readonly id: string; readonly file: string | null }

type AnyPlug = Pick<GuestNic, 'id' | 'mac' | 'model' | 'mtu' | 'isLinkUp'> & {
  readonly forwards: readonly {
    readonly protocol: 'tcp' | 'udp'
    readonly address: string
    readonly hostPort: number
    readonly guestPort: number
  }[]
}

/** A network plug ready to be opened by the guest; `forwards` have real host ports. */
export type Plug = AnyPlug &
  (
    | { readonly driver: 'user'; readonly isRestricted: boolean }
    /** A persistent tap that the guest's user may open. */
    | { readonly driver: 'tap'; readonly interface: string }
    /** A process that listens on a socket and speaks QEMU's stream protocol (passt). */
    | { readonly driver: 'stream'; readonly socket: string }
  )

export type Body = {
  readonly spec: GuestSpec
  readonly disks: readonly DiskFile[]
  readonly plugs: readonly Plug[]
  readonly kernel: {
    readonly kernelFile: string
    readonly initrdFile: string
    readonly commandLine: string
  } | null
  /** A random word that the guest can read by fw_cfg as opt/decant/word. */
  readonly word: string
  readonly cdroms: readonly Medium[]
  /** ISO 9660 with the volume id `cidata` (cloud-init's NoCloud); null: nothing to tell. */
  readonly seed: Uint8Array | null
  /** VM generation id: a new one makes the guest draw new randomness. */
  readonly generationId: string
  /** Where it goes on from; null: it boots. */
  readonly memoryFile: string | null
  /** All the memory that it had then, and where its parts sat; absent: it sits as any that boots. */
  readonly kept?: { readonly memoryMib: number; readonly layout: JsonObject }
  /** Versioned machine type and CPU model that it was first begun with; null: this host's newest. */
  readonly machineVersion: string | null
}

/** What runs, as the hypervisor itself says. */
export type Running = {
  readonly cpus: number
  readonly memoryMib: number
  readonly machineType: string
  readonly cpusMax: number
  readonly memoryMaxMib: number
  /** `memoryMib` less what the balloon has taken of it; null: not known or no balloon. */
  readonly balloonMib: number | null
  /** What `Body.machineVersion` must say to get the same machine again; null: not known. */
  readonly machineVersion: string | null
  /** File of each disk by its id, and its size. */
  readonly disks: readonly { readonly id: string; readonly file: string; readonly sizeBytes: number }[]
  readonly nics: readonly { readonly id: string; readonly mac: string; readonly isLinkUp: boolean }[]
  readonly cdroms: readonly Medium[]
}

/**
 * What can be seen of a guest. `shutdown` and `panicked`: the guest ended, its process still stands and
 * waits to be reaped. `lost`: the run folder says that it ran and no process is there any more.
 * `strange`: a process has the recorded pid or holds the socket but is not provably ours (I-23).
 */
export type Sight = {
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
  readonly startedAtMs: number | null
  readonly boot: number
  readonly epoch: number
  readonly running: Running | null
  readonly forwards: readonly {
    readonly nic: string
    readonly protocol: string
    readonly address: string
    readonly hostPort: number
    readonly guestPort: number
  }[]
  readonly word: string | null
  readonly wordSeenAtMs: number | null
  readonly isIoStopped: boolean
  /** Paused by its watchdog, for a person to look at; never goes on by itself. */
  readonly isWatchdogStopped?: boolean
  /** Whether this driver object found it running rather than started it. */
  readonly isAdopted: boolean
  /** Last lines of QEMU's own output when it failed, made inert; at most 400 characters. */
  readonly detail: string
}

export type Accelerator = {
  readonly name: 'kvm' | 'tcg' | 'none' | 'simulated'
  readonly why: string
  readonly version: string
  readonly architecture: string
  /** Named CPU models that guests can have here; absent: not asked. */
  readonly cpuModels?: readonly string[]
  /** Versioned machine types that guests can have here; absent: not asked. */
  readonly machineTypes?: readonly string[]
}

export type Wall = { readonly name: string; readonly holds: boolean; readonly why: string }

/** Something beyond the plain that a guest can have on this host, or why not. */
export type Feature = {
  readonly name:
    | 'uefi'
    | 'secure-boot'
    | 'tpm'
    | 'shares'
    | 'huge-pages-2mib'
    | 'huge-pages-1gib'
    | 'vhost'
    | 'io-uring'
    | 'net-boot'
    | 'host-pci'
    | 'host-usb'
  readonly isHere: boolean
  readonly why: string
}

/** Every effect can be repeated, and stops early when the signal aborts. Guests are named by their id. */
export interface Hypervisor {
  readonly name: string
  /** Changes of a running guest's parts. */
  readonly parts: LiveParts
  /** Changes of what a running guest's disks stand on, and its memory. */
  readonly layers: LiveLayers
  /** The agent inside a guest. */
  readonly agent: GuestAgent
  /** Probes by running a guest; cached per host boot. */
  accelerator(): Promise<Accelerator>
  /** The protections around guests on this host, and which of them hold. */
  walls(): Promise<readonly Wall[]>
  /** What guests can have here beyond the plain; absent: nothing is known of it. */
  features?(): Promise<readonly Feature[]>
  /** The user that will open a guest's disks, so that they can be given to it; null: the agent's own. */
  uidOf(id: string): Promise<number | null>
  /** Ids of all guests that have a run folder here. */
  list(): Promise<readonly string[]>
  observe(id: string): Promise<Sight>
  /** Calls back whenever a guest may look different; a lost process within a second. */
  onChange(call: (id: string) => void): () => void
  /** Prepares and starts a guest; its CPUs run when this resolves. Does nothing when it runs with this boot. */
  spawn(id: string, body: Body, signal: AbortSignal): Promise<void>
  /** Presses the power button. */
  powerdown(id: string, signal: AbortSignal): Promise<void>
  pause(id: string, signal: AbortSignal): Promise<void>
  resume(id: string, signal: AbortSignal): Promise<void>
  /** Ends the process for certain, after proving that it is ours, and forgets the process; keeps the folder. */
  kill(id: string, signal: AbortSignal): Promise<void>
  /** Removes what is left of a guest that has no process: run folder, sockets, cgroup. */
  remove(id: string, signal: AbortSignal): Promise<void>
  reset(id: string): Promise<void>
  sendKeys(id: string, keys: readonly string[]): Promise<void>
  /** The screen as PNG. */
  screenshot(id: string): Promise<Uint8Array>
  /** What the guest wrote on its serial line of late; at most `limits.serialKeepBytes`. */
  serialLog(id: string): Promise<Uint8Array>
  /** The serial line: what was kept, then what comes; what is written reaches the guest. Many at once. */
  serial(id: string): Promise<ByteChannel>
  /** The screen as RFB (RFC 6143). */
  vnc(id: string): Promise<ByteChannel>
  /** What it uses: counters and levels of now, as far as they are known; null when it has no process. */
  usage(id: string): Promise<Usage | null>
  /** Lets go of every guest without harming it. */
  close(): Promise<void>
}
