/**
 * Runs a tool on a stranger's bytes: no network, no other files, no privileges, a uid of its own where we are root,
 * bounds on processor time, memory and output. What it reads is bound to names of ours, one by one.
 */

/** Near the top of the range from 1879048192 that systemd's list of uids leaves free; no account has it. */
export const jailUid = 2_147_483_646
/** qemu-img itself takes about 60 MiB, xz at most what it is allowed; tables are bounded by the header's judgement. */
const memoryBytes = 2 * 1024 ** 3

export type Jail = {
  /** Files of the host, seen inside as `/in0`, `/in1`, … */
  readonly reads: readonly string[]
  /** Folder that is seen inside as `/out`; absent: nothing can be written. */
  readonly writes?: string
  readonly cpuSeconds: number
  /** The most that any file may grow to. */
  readonly fileBytes: number
}

export const isRoot = () => process.getuid?.() === 0

/** The arguments of `bwrap` that run `argv` within the jail. */
export function jailed(argv: readonly string[], { reads, writes, cpuSeconds, fileBytes }: Jail): string[] {
  const bounds = [`--cpu=${cpuSeconds}`, `--as=${memoryBytes}`, `--fsize=${fileBytes}`, '--core=0']
  const files = reads.flatMap((path, index) => ['--ro-bind', path, `/in${index}`])
  const out = writes === undefined ? [] : ['--bind', writes, '/out']
  const drop = isRoot() ? dropped : []
  return [unshared, powers(), tied, programs, links, files, out]
    .flat()
    .concat(['--chdir', '/', '--', 'prlimit'], bounds, drop, argv)
}

const words = (text: string) => text.split(' ')

const unshared = words('--unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup-try')
/** Root gives its uid away inside, and with it the power to do so; others have nothing to give away. */
const powers = () =>
  isRoot()
    ? words('--cap-drop ALL --cap-add CAP_SETUID --cap-add CAP_SETGID --cap-add CAP_SETPCAP')
    : words('--unshare-user --cap-drop ALL')
const tied = words('--die-with-parent --new-session --clearenv --setenv PATH /usr/bin:/bin')
const programs = words(
  '--ro-bind /usr /usr --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --dev /dev --proc /proc',
)
const links = ['/bin', '/lib', '/lib64', '/sbin'].flatMap((path) => ['--symlink', `usr${path}`, path])

const dropped = words(
  `setpriv --reuid=${jailUid} --regid=${jailUid} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs`,
)
