/**
 * Rewrites a stranger's qcow2 file as a clean one of our own, in a jail: no network, no other files, no
 * privileges, a uid of its own where we are root, bounds on processor time, memory and output. The header
 * was judged before, and the formats are stated: nothing is guessed.
 */

import { chmod, chown, mkdir, rename, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Problem } from '#model/problem.ts'
import { runTool } from './tool.ts'

/** Near the top of the range from 1879048192 that systemd's list of uids leaves free; no account has it. */
const jailUid = 2_147_483_646
/** qemu-img itself takes about 60 MiB; its tables are bounded by the header's judgement. */
const memoryBytes = 2 * 1024 ** 3
/** A slow disk and processor still convert this many bytes of a disk in a second. */
const bytesPerSecond = 10 * 1024 ** 2

export type Conversion = {
  /** Folder of the draft; holds `upload` and afterwards `disk.qcow2`. */
  readonly draft: string
  readonly uploadBytes: number
  /** The most that the result may take. */
  readonly largestBytes: number
}

/** Makes `disk.qcow2` of `upload`. Problem `image/refused` when qemu-img cannot read it. */
export async function convertJailed(conversion: Conversion, signal: AbortSignal): Promise<void> {
  const { draft, uploadBytes } = conversion
  const isRoot = process.getuid?.() === 0
  const seconds = 60 + Math.ceil(uploadBytes / bytesPerSecond)
  const out = join(draft, 'out')
  await mkdir(out, { mode: 0o700 })
  if (isRoot) await chown(out, jailUid, jailUid)
  await chmod(join(draft, 'upload'), 0o444)
  const bounds = [`--cpu=${seconds}`, `--as=${memoryBytes}`, `--fsize=${conversion.largestBytes}`, '--core=0']
  const convert = words('qemu-img convert -f qcow2 -O qcow2 -o compat=1.1 -- /in /out/disk')
  const argv = [...walls(draft, isRoot), 'prlimit', ...bounds, ...(isRoot ? dropped : []), ...convert]
  await runTool('bwrap', argv, { signal, folder: draft, timeoutMs: seconds * 2000, as: 'qemu-img' }).catch(
    (error: unknown) => {
      throw refusal(error)
    },
  )
  if (isRoot) await chown(join(out, 'disk'), 0, 0)
  await rename(join(out, 'disk'), join(draft, 'disk.qcow2'))
  await rmdir(out)
}

const words = (text: string) => text.split(' ')

const unshared = words('--unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try')
/** Root gives its uid away inside, and with it the power to do so; others have nothing to give away. */
const powers = (isRoot: boolean) =>
  isRoot
    ? words('--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP')
    : words('--unshare-user --cap-drop ALL')
const tied = words('--die-with-parent --new-session --clearenv --setenv PATH /usr/bin:/bin')
const programs = words(
  '--ro-bind /usr /usr --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --dev /dev --proc /proc',
)
const links = ['/bin', '/lib', '/lib64', '/sbin'].flatMap((path) => ['--symlink', `usr${path}`, path])

/** What the jail sees of the host: programs and libraries, the upload read-only, an empty folder to write. */
const walls = (draft: string, isRoot: boolean) => [
  ...unshared,
  ...powers(isRoot),
  ...tied,
  ...programs,
  ...links,
  ...['--ro-bind', join(draft, 'upload'), '/in', '--bind', join(draft, 'out'), '/out'].concat(
    '--chdir',
    '/',
    '--',
  ),
]

const dropped = words(
  `setpriv --reuid=${jailUid} --regid=${jailUid} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs`,
)

function refusal(error: unknown): unknown {
  if (!(error instanceof Problem) || error.code !== 'tool/failed') return error
  const complaint = String(error.facts['why'])
  // The jail itself could not be built: that says nothing about the image.
  if (/^(bwrap|prlimit|setpriv):/.test(complaint))
    return new Problem('tool/failed', { tool: 'The jail for images', why: complaint }, { cause: error })
  const why = `qemu-img cannot read it (${complaint})`
  return new Problem('image/refused', { why }, { cause: error })
}
