/**
 * What a cold start costs beside QEMU itself: from the wish to running CPUs, minus the same command line
 * started by a raw script; beside `virsh start` of an equivalent guest. All three in turns in one run.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Body } from '#drivers/hypervisor/port.ts'
import { commandLine } from '#drivers/hypervisor/qemu/command/line.ts'
import { findEmulator, machineOf, type Emulator } from '#drivers/hypervisor/qemu/emulator.ts'
import { openQemu } from '#drivers/hypervisor/qemu/qemu.ts'
import { bodyOf } from '../test/live/hypervisor-world.ts'

const rounds = 11
const never = new AbortController().signal

export const bench = {
  name: 'cold-start',
  summary: 'Overhead of starting a guest, beside a raw script and libvirt',
  run,
}

/** Milliseconds; medians over the rounds. `adds`: beyond the raw script. */
async function run() {
  const folder = mkdtempSync(join(tmpdir(), 'decant-bench-'))
  chmodSync(folder, 0o755)
  const hold = setInterval(() => undefined, 1000)
  const emulator = await findEmulator()
  if (emulator === undefined) throw new Error('QEMU is not installed')
  const body = bodyOf()
  const peers = [
    { name: 'raw', ...rawScript(folder, body, emulator) },
    { name: 'decant', ...(await decant(folder, body)) },
    { name: 'libvirt', ...(await libvirt(folder, body)) },
  ]
  const taken = new Map<string, number[]>(peers.map(({ name }) => [name, []]))
  try {
    // The first round fills caches, libvirt's of QEMU's abilities above all; it does not count.
    for (const { start } of peers) await start()
    for (let round = 0; round < rounds; round += 1)
      for (const { name, start } of peers) taken.get(name)?.push(await start())
  } finally {
    for (const { close } of peers) await close()
    clearInterval(hold)
    rmSync(folder, { recursive: true })
  }
  return figures(taken)
}

function figures(taken: ReadonlyMap<string, readonly number[]>) {
  const at = (name: string, share: number) => {
    const sorted = (taken.get(name) ?? []).toSorted((a, b) => a - b)
    return Number((sorted[Math.floor((sorted.length - 1) * share)] ?? NaN).toFixed(1))
  }
  const adds = (name: string) => Number((at(name, 0.5) - at('raw', 0.5)).toFixed(1))
  return {
    rounds,
    rawMs: at('raw', 0.5),
    decantMs: at('decant', 0.5),
    decantP90Ms: at('decant', 0.9),
    libvirtMs: at('libvirt', 0.5),
    decantAddsMs: adds('decant'),
    libvirtAddsMs: adds('libvirt'),
    timesLess: Number((adds('libvirt') / adds('decant')).toFixed(1)),
    aim: 'decantAddsMs <= 15 and timesLess >= 20',
  }
}

/** The same command line with nothing around it: spawn, handshake, kernel line, cont. */
function rawScript(base: string, body: Body, emulator: Emulator) {
  const folder = join(base, 'raw')
  const start = async () => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'word'), body.word)
    writeFileSync(join(folder, 'name'), body.spec.machineName)
    const { type: machineType, cpuModel } = machineOf(emulator, body, 'tcg')
    const { architecture, binary } = emulator
    const given = { id: randomUUID(), folder, body, accelerator: 'tcg', architecture, machineType } as const
    const plain = { firmware: null, hasVhost: false, hasBootRoms: false, usbNodes: [] }
    const argv = commandLine({ ...given, ...plain, cpuModel })
    const beganMs = performance.now()
    const child = spawn(binary, argv, { cwd: folder, stdio: 'ignore' })
    const socket = await connected(join(folder, 'qmp.sock'))
    await say(socket, [
      { execute: 'qmp_capabilities' },
      {
        execute: 'qom-set',
        arguments: { path: '/machine', property: 'append', value: body.kernel?.commandLine },
      },
      { execute: 'x-exit-preconfig' },
      { execute: 'cont' },
    ])
    const tookMs = performance.now() - beganMs
    await ended(child)
    rmSync(folder, { recursive: true })
    return tookMs
  }
  return { start, close: async () => undefined }
}

async function connected(path: string): Promise<Socket> {
  for (;;) {
    const socket = connect(path)
    const isThere = await new Promise<boolean>((done) => {
      socket.once('connect', () => done(true))
      socket.once('error', () => done(false))
    })
    if (isThere) return socket
    await new Promise((done) => setTimeout(done, 1))
  }
}

/** Says one command after the other, each after the answer to the last. */
async function say(socket: Socket, commands: readonly object[]) {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  await lines.next()
  for (const command of commands) {
    socket.write(`${JSON.stringify(command)}\n`)
    for (let text = ''; !text.includes('"return"');) text = (await lines.next()).value as string
  }
}

async function ended(child: ChildProcess) {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

/** Our own driver: jailed, recorded, proven, connected to its serial line. */
async function decant(base: string, body: Body) {
  const driver = await openQemu({ folder: join(base, 'decant/guests'), clock: realClock })
  await driver.accelerator()
  const start = async () => {
    const id = randomUUID()
    const beganMs = performance.now()
    await driver.spawn(id, body, never)
    const tookMs = performance.now() - beganMs
    await driver.kill(id, never)
    await driver.remove(id, never)
    return tookMs
  }
  return { start, close: () => driver.close() }
}

/**
 * libvirtd in a mount namespace of its own, so that it finds and leaves nothing on this host. It does not
 * see /dev/kvm: where that is there and does not work, libvirt would lose seconds at each start.
 */
async function libvirt(base: string, body: Body) {
  for (const tool of ['/usr/sbin/libvirtd', '/usr/bin/virsh'])
    if (!existsSync(tool))
      throw new Error(`${tool} is missing: apt-get install libvirt-daemon-system libvirt-clients`)
  const folder = join(base, 'libvirt')
  mkdirSync(folder)
  writeFileSync(join(folder, 'libvirtd.conf'), `unix_sock_dir = "${folder}"\nauth_unix_rw = "none"\n`)
  writeFileSync(join(folder, 'qemu.conf'), 'stdio_handler = "file"\nsecurity_driver = "none"\n')
  writeFileSync(join(folder, 'guest.xml'), domainXml(body))
  const hide = ['/etc/libvirt', '/var/lib/libvirt', '/var/cache/libvirt', '/var/log/libvirt', '/run/libvirt']
  const script = `${hide.map((path) => `mkdir -p ${path}; mount -t tmpfs tmpfs ${path}`).join('; ')}
    echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/bin/false' | cat /etc/passwd - >${folder}/passwd
    echo 'libvirt-qemu:x:64055:' | cat /etc/group - >${folder}/group
    for each in passwd group; do mount --bind ${folder}/$each /etc/$each; done
    mount --bind /dev/null /dev/kvm
    cp ${folder}/qemu.conf /etc/libvirt/; exec libvirtd -f ${folder}/libvirtd.conf -p ${folder}/pid`
  const daemon = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: 'ignore' })
  const uri = `qemu+unix:///system?socket=${folder}/libvirt-sock`
  const deadline = realClock.monotonic() + 20_000
  while (!existsSync(join(folder, 'libvirt-sock'))) {
    if (daemon.exitCode !== null || realClock.monotonic() > deadline)
      throw new Error('libvirtd did not start')
    await realClock.sleep(50)
  }
  const virsh = (...args: string[]) =>
    execFileSync('virsh', ['-c', uri, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 40_000 })
  await attempt(() => virsh('define', join(folder, 'guest.xml')), daemon)
  const start = async () => {
    const beganMs = performance.now()
    virsh('start', 'bench')
    const tookMs = performance.now() - beganMs
    virsh('destroy', 'bench')
    return tookMs
  }
  return { start, close: () => ended(daemon) }
}

/** Ends the daemon when its first use fails. */
async function attempt(work: () => unknown, daemon: ChildProcess) {
  try {
    work()
  } catch (error) {
    await ended(daemon)
    throw error
  }
}

const domainXml = ({ spec, kernel }: Body) => `
<domain type="qemu">
  <name>bench</name>
  <memory unit="MiB">${spec.memoryMib}</memory>
  <vcpu>${spec.cpus}</vcpu>
  <os>
    <type arch="x86_64" machine="q35">hvm</type>
    <kernel>${kernel?.kernelFile}</kernel>
    <initrd>${kernel?.initrdFile}</initrd>
    <cmdline>${kernel?.commandLine}</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode="maximum"/>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type="pty"/>
    <video><model type="vga"/></video>
    <memballoon model="virtio"/>
    <rng model="virtio"><backend model="builtin"/></rng>
  </devices>
</domain>`

if (import.meta.main) console.log(JSON.stringify(await run(), null, 2))
