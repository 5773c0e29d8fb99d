/** What real guests withstand: agents that die, strangers, panics, full stores, naughty words. */

import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import {
  chownSync,
  existsSync,
  statSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import type { Hypervisor, Sight } from '#drivers/hypervisor/port.ts'
import { isQemu, processesWith, processFacts } from '#drivers/hypervisor/qemu/process.ts'
import { readRecord, writeRecord, type Record } from '#drivers/hypervisor/qemu/record.ts'
import { bodyOf, diskOf, liveWorld, never, type LiveWorld } from './hypervisor-world.ts'

type Stage = { readonly world: LiveWorld; readonly driver: Hypervisor; readonly id: string }

async function stage(t: TestContext): Promise<Stage> {
  const world = await liveWorld()
  const driver = await world.open()
  t.after(async () => {
    await driver.close()
    await world.close()
  })
  return { world, driver, id: randomUUID() }
}

async function until({ driver, id }: Stage, is: (sight: Sight) => boolean): Promise<Sight> {
  const deadline = realClock.monotonic() + 60_000
  for (;;) {
    const sight = await driver.observe(id)
    if (is(sight)) return sight
    assert.ok(realClock.monotonic() < deadline, JSON.stringify(sight))
    await realClock.sleep(20)
  }
}

const isBooted = (sight: Sight) => sight.wordSeenAtMs !== null

async function type({ driver, id }: Stage, line: string) {
  const channel = await driver.serial(id)
  await channel.write(Buffer.from(`${line}\r`))
  channel.close()
}

const logOf = async ({ driver, id }: Stage) => Buffer.from(await driver.serialLog(id)).toString('latin1')

const script = new URL('hypervisor-agent.ts', import.meta.url).pathname

function startAgent(folder: string, id: string): ChildProcess {
  return spawn(process.execPath, [script, folder, id], { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function said(agent: ChildProcess, words: RegExp): Promise<RegExpExecArray> {
  let text = ''
  for await (const bytes of agent.stdout ?? []) {
    text += bytes
    const found = words.exec(text)
    if (found !== null) return found
  }
  return assert.fail(`it only said ${text}`)
}

async function killed(agent: ChildProcess) {
  const gone = once(agent, 'exit')
  agent.kill('SIGKILL')
  await gone
}

test('a guest outlives its agent and is adopted with the same pid (I-24)', async (t) => {
  const world = await liveWorld()
  t.after(() => world.close())
  const id = randomUUID()
  const agent = startAgent(world.folder, id)
  const [, pid] = await said(agent, /running (\d+)/)
  await killed(agent)
  await realClock.sleep(300)
  assert.ok(processFacts(Number(pid)) !== undefined, 'QEMU runs on')
  const driver = await world.open()
  t.after(() => driver.close())
  const sight = await driver.observe(id)
  assert.deepEqual([sight.process, sight.pid, sight.isAdopted], ['running', Number(pid), true])
  await driver.spawn(id, bodyOf(), never)
  assert.equal((await driver.observe(id)).pid, Number(pid))
  await driver.kill(id, never)
  assert.equal(processFacts(Number(pid)), undefined)
})

test('an agent killed at any moment of a start leaves no process that nobody knows (I-20)', async (t) => {
  const world = await liveWorld()
  t.after(() => world.close())
  for (const afterMs of [2, 10, 20, 35, 50, 70, 100, 140]) {
    const id = randomUUID()
    const agent = startAgent(world.folder, id)
    await said(agent, /open/)
    await realClock.sleep(afterMs)
    await killed(agent)
    await realClock.sleep(100)
    const driver = await world.open()
    const found = await driver.observe(id)
    const standing = processesWith([id])
    if (found.process === 'running') assert.deepEqual(standing.filter(isQemu), [found.pid])
    else assert.deepEqual([found.process, standing], ['absent', []], `after ${afterMs} ms`)
    await driver.spawn(id, bodyOf(), never)
    assert.equal((await driver.observe(id)).process, 'running')
    await driver.kill(id, never)
    await driver.remove(id, never)
    assert.deepEqual(processesWith([id]), [])
    await driver.close()
  }
})

/** A run folder whose record names a process that is not its guest. */
function impostor(world: LiveWorld, id: string, change: Partial<Record>) {
  const folder = join(world.folder, id)
  mkdirSync(folder, { recursive: true })
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  writeRecord(folder, {
    version: 1,
    phase: 'started',
    epoch: 1,
    boot: 1,
    word: 'x',
    pid: null,
    startTicks: null,
    hostBoot: bootId,
    startedAtMs: 1000,
    wordSeenAtMs: null,
    uid: null,
    cgroups: [],
    running: { cpus: 1, memoryMib: 64, machineType: 'pc-q35-7.2' },
    linksDown: [],
    forwards: [],
    detail: '',
    ...change,
  })
}

async function stranger(t: TestContext) {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  await realClock.sleep(50)
  const pid = child.pid ?? 0
  return { pid, startTicks: processFacts(pid)?.startTicks ?? '' }
}

test("a stranger on a guest's old pid is not touched (I-23)", async (t) => {
  const world = await liveWorld()
  t.after(() => world.close())
  const { pid, startTicks } = await stranger(t)
  const id = randomUUID()
  impostor(world, id, { pid, startTicks: String(Number(startTicks) - 1) })
  const driver = await world.open()
  t.after(() => driver.close())
  assert.equal((await driver.observe(id)).process, 'lost')
  await driver.kill(id, never)
  await driver.remove(id, never)
  assert.equal(processFacts(pid)?.startTicks, startTicks)
})

test('a process that does not prove itself over QMP is strange and left alone (I-23)', async (t) => {
  const world = await liveWorld()
  t.after(async () => {
    rmSync(join(world.folder, id), { recursive: true })
    await world.close()
  })
  const { pid, startTicks } = await stranger(t)
  const id = randomUUID()
  impostor(world, id, { pid, startTicks })
  const driver = await world.open()
  t.after(() => driver.close())
  assert.equal((await driver.observe(id)).process, 'strange')
  await assert.rejects(driver.kill(id, never), { code: 'guest/not-ours' })
  await assert.rejects(driver.spawn(id, bodyOf(), never), { code: 'guest/not-ours' })
  await assert.rejects(driver.remove(id, never), { code: 'object/refused' })
  assert.equal(processFacts(pid)?.startTicks, startTicks)
})

test('a kernel that panics is seen as panicked, its process stands', async (t) => {
  const here = await stage(t)
  await here.driver.spawn(here.id, bodyOf(), never)
  await until(here, isBooted)
  await type(here, 'echo c > /proc/sysrq-trigger')
  const sight = await until(here, ({ process }) => process === 'panicked')
  assert.ok(processFacts(sight.pid ?? 0) !== undefined)
})

test('a guest is walled in: own user, no capabilities, seccomp, few files', async (t) => {
  const { driver, id } = await stage(t)
  if (process.getuid?.() !== 0) return t.diagnostic('needs root for users of their own')
  await driver.spawn(id, bodyOf(), never)
  const { pid } = await driver.observe(id)
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]
  const uid = await driver.uidOf(id)
  assert.ok((uid ?? 0) >= 1_879_049_088)
  assert.equal(field('Uid'), [uid, uid, uid, uid].join('\t'))
  assert.equal(field('Gid'), [uid, uid, uid, uid].join('\t'))
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    assert.equal(field(set), '0000000000000000', set)
  assert.deepEqual([field('NoNewPrivs'), field('Seccomp')], ['1', '2'])
  assert.deepEqual(readdirSync(`/proc/${pid}/root/etc`).toSorted(), ['ld.so.cache', 'resolv.conf'])
  assert.deepEqual(readdirSync(`/proc/${pid}/root/dev`).toSorted(), ['null', 'urandom', 'zero'])
  for (const open of ['dev', 'etc', 'tmp'])
    assert.equal(statSync(`/proc/${pid}/root/${open}`).mode & 0o777, 0o755)
  assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max core file size +0 +0/)
  const other = randomUUID()
  assert.notEqual(await driver.uidOf(other), uid)
  const walls = await driver.walls()
  assert.deepEqual(
    walls.filter(({ holds }) => !holds).map(({ name }) => name),
    ['host-loopback', 'kvm-isolation'],
  )
})

test('a guest is in control groups of its own, and they go with it (I-20)', async (t) => {
  const { driver, id, world } = await stage(t)
  await driver.spawn(id, bodyOf(), never)
  const { pid } = await driver.observe(id)
  const cgroups = readRecord(join(world.folder, id))?.cgroups ?? []
  if (cgroups.length === 0) return t.diagnostic('no control group can be made here')
  for (const folder of cgroups)
    assert.ok(readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').includes(String(pid)))
  await driver.kill(id, never)
  for (const folder of cgroups) assert.ok(!existsSync(folder), folder)
})

test("no word of a person reaches QEMU's arguments", async (t) => {
  const here = await stage(t)
  const naughty = 'evil,process=sshd "quoted" $(id)'
  const body = bodyOf({ machineName: naughty, commandLine: naughty })
  const kernel = { ...body.kernel!, commandLine: `console=ttyS0 quiet ${naughty}` }
  await here.driver.spawn(here.id, { ...body, kernel }, never)
  const { pid } = await until(here, isBooted)
  assert.doesNotMatch(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), /evil|sshd|quoted/)
  assert.ok(readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(here.world.folder, here.id)))
  await type(here, 'cat /proc/cmdline')
  const deadline = realClock.monotonic() + 10_000
  while (!(await logOf(here)).includes(naughty)) {
    assert.ok(realClock.monotonic() < deadline, 'the kernel has its command line')
    await realClock.sleep(50)
  }
})

test('a body that is not plain is refused at the door', async (t) => {
  const { driver, id } = await stage(t)
  const disks = [diskOf({ file: '/nowhere', id: 'x,process=sshd' })]
  await assert.rejects(driver.spawn(id, bodyOf({}, { disks }), never), { code: 'request/invalid' })
  await assert.rejects(driver.observe('../../etc'), { code: 'request/invalid' })
  assert.deepEqual(await driver.list(), [])
})

test('a start that fails says why and leaves nothing behind (I-20)', async (t) => {
  const { driver, id, world } = await stage(t)
  const file = join(world.folder, 'not-a-disk.qcow2')
  writeFileSync(file, 'no qcow2 at all \u001b[31m', { mode: 0o666 })
  const disks = [diskOf({ file, format: 'qcow2' })]
  await assert.rejects(driver.spawn(id, bodyOf({}, { disks }), never), (error: Error) => {
    assert.match(error.message, /qcow2/)
    assert.doesNotMatch(error.message, new RegExp(world.folder))
    return true
  })
  const sight = await driver.observe(id)
  assert.equal(sight.process, 'absent')
  assert.match(sight.detail, /qcow2/)
  assert.deepEqual(processesWith([id]), [])
  for (const folder of readRecord(join(world.folder, id))?.cgroups ?? []) assert.ok(!existsSync(folder))
  await driver.spawn(id, bodyOf(), never)
  assert.equal((await driver.observe(id)).process, 'running')
})

test('a full store pauses the guest without an error and lets it go on (I-31)', async (t) => {
  const here = await stage(t)
  if (process.getuid?.() !== 0) return t.diagnostic('needs root for a small file system')
  const small = join(here.world.folder, '..', 'small')
  mkdirSync(small)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small])
  // Lazily, for the guest still has its disk open.
  const away = () => execFileSync('umount', ['-l', small])
  await fillAndFree(here, small).finally(away)
})

/** The guest writes until the store is full, then the store gets room. */
async function fillAndFree(here: Stage, small: string) {
  const [file, filler] = [join(small, 'disk.raw'), join(small, 'filler')]
  writeFileSync(filler, Buffer.alloc(6 * 2 ** 20, 1))
  writeFileSync(file, '', { mode: 0o600 })
  const uid = (await here.driver.uidOf(here.id)) ?? 0
  chownSync(file, uid, uid)
  truncateSync(file, 16 * 2 ** 20)
  const disks = [diskOf({ file })]
  await here.driver.spawn(here.id, bodyOf({}, { disks }), never)
  await until(here, isBooted)
  await type(here, 'dd if=/dev/urandom of=/dev/vda bs=1M count=6 conv=fsync && echo written-$((40+2))')
  await until(here, ({ isIoStopped }) => isIoStopped)
  rmSync(filler)
  const deadline = realClock.monotonic() + 30_000
  while (!(await logOf(here)).includes('written-42')) {
    assert.ok(realClock.monotonic() < deadline, await logOf(here))
    await realClock.sleep(100)
  }
  assert.doesNotMatch(await logOf(here), /I\/O error/)
  assert.equal((await here.driver.observe(here.id)).isIoStopped, false)
}

test('the screen can be seen and keys reach it', async (t) => {
  const here = await stage(t)
  await here.driver.spawn(here.id, bodyOf(), never)
  const picture = await here.driver.screenshot(here.id)
  assert.equal(Buffer.from(picture.subarray(1, 4)).toString(), 'PNG')
  await here.driver.sendKeys(here.id, ['ctrl', 'alt', 'delete'])
  await assert.rejects(here.driver.sendKeys(here.id, ['"}']), { code: 'request/invalid' })
  await here.driver.reset(here.id)
  const screen = await here.driver.vnc(here.id)
  for await (const bytes of screen.bytes) {
    assert.match(Buffer.from(bytes).toString('latin1'), /^RFB 003/)
    break
  }
  screen.close()
})

test('a microvm runs and proves its life', async (t) => {
  const here = await stage(t)
  await here.driver.spawn(here.id, bodyOf({ machineType: 'microvm' }), never)
  await until(here, isBooted)
  await assert.rejects(here.driver.vnc(here.id), { code: 'feature/not-here' })
})

test('the accelerator is decided by a probe guest, once per boot of the host', async (t) => {
  const { driver, world } = await stage(t)
  const first = await driver.accelerator()
  assert.ok(first.name === 'kvm' || first.name === 'tcg')
  assert.match(first.version, /^\d+\.\d+/)
  const file = join(world.folder, '../accelerator.json')
  const kept = readFileSync(file, 'utf8')
  const again = await world.open()
  t.after(() => again.close())
  assert.deepEqual(await again.accelerator(), first)
  assert.equal(readFileSync(file, 'utf8'), kept)
})
