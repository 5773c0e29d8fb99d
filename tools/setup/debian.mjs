/**
 * Installs the Debian packages that Decant needs and that are missing: as root, through sudo, or by telling
 * the one command to run. Plain JavaScript for Node 18.
 */

import { capture, isThere } from './programs.mjs'
import { Failure, during, say } from './say.mjs'

const isArm = process.arch === 'arm64'

/**
 * What is needed of the system: a program that shows that it is there, its package, and what it is for.
 * Without the essential ones nothing runs; without the others guests run less guarded, which host status says.
 */
export const needs = [
  isArm
    ? {
        program: 'qemu-system-aarch64',
        package: 'qemu-system-arm',
        why: 'runs the guests',
        isEssential: true,
      }
    : {
        program: 'qemu-system-x86_64',
        package: 'qemu-system-x86',
        why: 'runs the guests',
        isEssential: true,
      },
  { program: 'qemu-img', package: 'qemu-utils', why: 'makes and converts disks', isEssential: true },
  { program: 'bwrap', package: 'bubblewrap', why: 'puts walls around guests', isEssential: false },
  { program: 'mke2fs', package: 'e2fsprogs', why: 'makes the file systems of disks', isEssential: true },
  { program: 'setpriv', package: 'util-linux', why: 'gives up rights', isEssential: true },
  { program: 'ip', package: 'iproute2', why: 'prepares networks', isEssential: false },
  { program: 'swtpm', package: 'swtpm', why: 'gives guests a TPM', isEssential: false },
  ...(isArm
    ? []
    : [
        {
          program: '/usr/share/OVMF/OVMF_CODE_4M.fd',
          package: 'ovmf',
          why: 'lets guests boot by UEFI',
          isEssential: false,
        },
      ]),
  { program: 'mmdebstrap', package: 'mmdebstrap', why: 'builds Debian images', isEssential: false },
  { program: 'mcopy', package: 'mtools', why: 'lets built images boot by UEFI', isEssential: false },
  { program: 'nft', package: 'nftables', why: 'guards bridge networks', isEssential: false },
  {
    program: 'dnsmasq',
    package: 'dnsmasq-base',
    why: 'serves addresses and names on bridge networks',
    isEssential: false,
  },
]

export const missingNeeds = () => needs.filter(({ program }) => !isThere(program))

/**
 * @param {readonly string[]} packages
 * @returns {string[]}
 */
const installArgv = (packages) => [
  'apt-get',
  'install',
  '-y',
  '--no-install-recommends',
  '-o',
  'DPkg::Lock::Timeout=120',
  '-o',
  'APT::Status-Fd=1',
  ...packages,
]

/** What people are told to do; the options above are for scripts. */
function adviceFor(/** @type {readonly string[]} */ packages) {
  const isRoot = process.getuid?.() === 0
  const before = isRoot || !isThere('sudo') ? '' : 'sudo '
  const install = `${before}apt-get install -y --no-install-recommends ${packages.join(' ')}`
  const whose = isRoot || before !== '' ? '' : ', as root,'
  return `This command${whose} installs what is missing; then run the same again:\n  ${before}apt-get update && ${install}`
}

const sudo = ['sudo', '-n', '--']
const isSudoOpen = async () => (await capture('sudo', ['-n', 'true'])).code === 0

/** What stands before a command to give it rights: nothing, sudo, or there is no way to rights. */
async function rights() {
  if (process.getuid?.() === 0) return []
  if (!isThere('sudo')) return undefined
  if (await isSudoOpen()) return sudo
  if (!process.stdin.isTTY || !process.stdout.isTTY) return undefined
  say('Installing them needs root; sudo asks for your password:')
  // Asked once, beforehand: the progress of what follows is written over no prompt.
  await capture('sudo', ['-v'], { canAsk: true })
  return (await isSudoOpen()) ? sudo : undefined
}

/** Fetching is about this much of the whole, in percent. */
const fetching = 40

/**
 * Runs apt-get with rights and progress.
 *
 * @param {readonly string[]} before
 * @param {readonly string[]} argv
 * @param {(percent: number, detail: string) => void} progress
 */
function apt(before, argv, progress) {
  const [program = '', ...rest] = [...before, 'env', 'DEBIAN_FRONTEND=noninteractive', ...argv]
  // `dlstatus:item:percent:text` while fetching, then `pmstatus:package:percent:text` while installing.
  const onLine = (/** @type {string} */ line) => {
    const [, phase, percent, text = ''] = /^(pm|dl)status:[^:]*:([0-9.]+):(.*)$/.exec(line) ?? []
    if (percent === undefined) return
    const [from, to] = phase === 'dl' ? [0, fetching] : [fetching, 100]
    progress(from + ((to - from) * Number(percent)) / 100, text.trim())
  }
  return capture(program, rest, { onLine })
}

/** Whether apt knows where to get each of the packages. */
async function haveCandidates(/** @type {readonly string[]} */ packages) {
  const { output } = await capture('apt-cache', ['policy', ...packages])
  const candidates = [...output.matchAll(/^ {2}Candidate: (.*)$/gm)].map(([, version]) => version)
  return candidates.length === packages.length && !candidates.includes('(none)')
}

/**
 * @param {readonly string[]} packages
 * @param {readonly string[]} before
 */
async function install(packages, before) {
  const update = () =>
    during('Refreshing the list of Debian packages', (progress) =>
      apt(before, ['apt-get', 'update', '-q'], progress),
    )
  const get = () =>
    during(`Installing ${packages.join(', ')}`, (progress) => apt(before, installArgv(packages), progress))
  const isFresh = !(await haveCandidates(packages))
  if (isFresh) await update()
  const first = await get()
  // An old list names files that the archive no longer has: refresh it, once.
  if (first.code === 0 || isFresh) return first
  await update()
  return get()
}

/** What apt-get found wrong, without its progress: its errors, else the last that it said. */
function complaintIn(/** @type {string} */ output) {
  const lines = [...new Set(output.split('\n'))].filter((line) => !/^\s*$|^(dl|pm)status:/.test(line))
  const errors = lines.filter((line) => line.startsWith('E: '))
  return (errors.length > 0 ? errors : lines)
    .slice(-5)
    .map((line) => `  ${line.slice(0, 400)}`)
    .join('\n')
}

/**
 * Installs what is missing, or says which one command does. Goes on without what is not essential.
 * Fails with advice when an essential program is missing in the end.
 */
export async function ensureSystem() {
  const missing = missingNeeds()
  if (missing.length === 0) return
  for (const need of missing)
    say(`Missing: ${need.program} (Debian package ${need.package}), which ${need.why}`)
  const packages = missing.map((need) => need.package)
  const before = isThere('apt-get') ? await rights() : undefined
  const { code, output } = before === undefined ? { code: 1, output: '' } : await install(packages, before)
  if (code === 0 && missingNeeds().length === 0) return
  if (output !== '') process.stderr.write(`apt-get could not install them:\n${complaintIn(output)}\n`)
  const essential = missingNeeds().filter(({ isEssential }) => isEssential)
  const advice = adviceFor(packages)
  if (essential.length > 0) {
    throw new Failure(
      `Decant cannot run without ${essential.map(({ program }) => program).join(', ')}.`,
      advice,
    )
  }
  say(
    `${advice}\nGoing on without: ${missingNeeds()
      .map(({ why, program }) => `${program} (${why})`)
      .join(', ')}`,
  )
}
