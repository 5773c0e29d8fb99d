/** Snapshots, merges and moves of a real guest's disks in a real datastore, one of them encrypted, bit for bit. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { nodesOf } from '#drivers/ground/bench.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import type { Datastore, DiskChain } from '#drivers/datastore/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { bodyOf, diskOf, liveWorld, never } from './hypervisor-world.ts'
import { inGuest } from './layers-world.ts'

const mib = 2 ** 20
const sizeBytes = 64 * mib
/** Stretches of 256 KiB that are looked at. */
const shown = 16

type Lab = {
  readonly driver: Hypervisor
  readonly near: Datastore
  readonly far: Datastore
  readonly id: string
  readonly volumes: readonly { readonly disk: string; readonly volume: string; readonly key: string | null }[]
  readonly keys: Readonly<Record<string, string>>
  readonly keyFile: string
  readonly again: () => Promise<void>
}

async function lab(t: TestContext): Promise<Lab> {
  const live = await liveWorld()
  const folder = mkdtempSync(join(tmpdir(), 'decant-live-snapshots-'))
  chmodSync(folder, 0o755)
  const [near, far] = [
    await openDirectory({ name: 'near', folder: join(folder, 'near') }),
    await openDirectory({ name: 'far', folder: join(folder, 'far') }),
  ]
  const driver = await live.open()
  t.after(async () => {
    await driver.close()
    await live.close()
    rmSync(folder, { recursive: true })
  })
  const id = randomUUID()
  const [plain, sealed] = [randomUUID(), randomUUID()]
  const keys = { [sealed]: randomBytes(32).toString('base64url') }
  const keyFile = join(folder, 'key')
  execFileSync('dd', [`of=${keyFile}`, 'status=none'], { input: keys[sealed] })
  const volumes = [
    { disk: 'disk0', volume: plain, key: null },
    { disk: 'disk1', volume: sealed, key: sealed },
  ]
  for (const { volume, key } of volumes)
    await near.create(volume, { format: 'qcow2', sizeBytes, image: null, key, keys }, never)
  let boot = 0
  const again = async () => {
    boot += 1
    const uid = await driver.uidOf(id)
    const disks = []
    for (const { disk, volume } of volumes)
      disks.push(diskOf({ id: disk, ...(await near.open(volume, uid)), keys }))
    await driver.spawn(id, bodyOf({ boot, epoch: boot }, { disks }), never)
    while ((await driver.observe(id)).wordSeenAtMs === null) await realClock.sleep(50)
    await inGuest(driver, id, 'while [ ! -b /dev/vdb ]; do sleep 1; done')
  }
  await again()
  return { driver, near, far, id, volumes, keys, keyFile, again }
}

/** Writes new random content over a stretch of both disks. */
const scribble = ({ driver, id }: Lab, from: number, count: number) =>
  inGuest(
    driver,
    id,
    ['a', 'b']
      .map(
        (d) =>
          `dd if=/dev/urandom of=/dev/vd${d} bs=256k seek=${from} count=${count} conv=notrunc,fsync 2>/dev/null`,
      )
      .join('; '),
  )

/** What both disks hold, by the guest's own account. */
async function sums({ driver, id }: Lab): Promise<string[]> {
  const said = await inGuest(
    driver,
    id,
    `echo 3 >/proc/sys/vm/drop_caches; for d in a b; do dd if=/dev/vd$d bs=256k count=${shown} 2>/dev/null | sha256sum; done`,
  )
  return [...said.matchAll(/[0-9a-f]{64}/g)].map(([sum]) => sum)
}

/** What a chain shows from outside, while a guest may have it open. */
function sumOf({ keyFile }: Lab, chain: DiskChain): string {
  const node = nodesOf(chain, { isReadOnly: true, secret: () => 'k' })
  const out = `${keyFile}.out`
  const secret = ['--object', `secret,id=k,file=${keyFile}`]
  execFileSync('qemu-img', ['convert', '-U', '-O', 'raw', ...secret, `json:${JSON.stringify(node)}`, out])
  const sum = createHash('sha256')
    .update(readFileSync(out).subarray(0, shown * 262_144))
    .digest('hex')
  rmSync(out)
  return sum
}

async function snapshot({ driver, near, id, volumes, keys }: Lab, memory = false): Promise<string> {
  const made = randomUUID()
  const ownerUid = await driver.uidOf(id)
  const tops = []
  for (const { disk, volume, key } of volumes) {
    const top = await near.prepareTop(volume, { snapshot: made, ownerUid, key, keys }, never)
    tops.push({ disk, top, keys })
  }
  await driver.layers.overlay(id, tops, memory ? await near.memoryPlace(made) : null, never)
  for (const { volume } of volumes) await near.raiseTop(volume, made)
  return made
}

async function drop({ driver, near, id, volumes, keys }: Lab, gone: string) {
  for (const { disk, volume } of volumes) {
    await near.dropLayer(volume, gone)
    for (;;) {
      const { merge } = await near.observe(volume)
      if (merge === null) break
      if (!merge.isTop) await near.merge(volume, keys, never)
      else {
        await driver.layers.merge(id, { disk, into: merge.into, base: merge.base }, () => undefined, never)
        await near.merged(volume, merge)
      }
    }
  }
}

test('I-29 I-11 snapshots in a row, deletions in the middle and at the end, reverts, a move: every content stays', async (t) => {
  const at = await lab(t)
  const { driver, near, far, id, volumes, keys } = at
  await scribble(at, 0, 8)
  const before = await sums(at)
  const first = await snapshot(at)
  await scribble(at, 4, 8)
  const between = await sums(at)
  const second = await snapshot(at)
  await scribble(at, 6, 2)
  const third = await snapshot(at, true)
  const atThird = await sums(at)
  await scribble(at, 0, 2)
  const now = await sums(at)
  const layerSums = async (of: string) => {
    const found = []
    for (const { volume } of volumes) found.push(sumOf(at, await near.layer(volume, of)))
    return found
  }
  assert.deepEqual(await layerSums(first), before)
  assert.deepEqual(await layerSums(second), between)
  // In the middle, while the guest runs: merged beside it.
  await drop(at, second)
  assert.deepEqual([await layerSums(first), await layerSums(third)], [before, atThird])
  assert.deepEqual(await sums(at), now)
  await driver.kill(id, never)
  assert.ok(((await near.memory(third))?.bytes ?? 0) > mib)
  for (const { volume, key } of volumes)
    await near.revert(volume, { snapshot: first, at: 1, key, keys }, never)
  await at.again()
  assert.deepEqual(await sums(at), before)
  await scribble(at, 2, 4)
  const later = await sums(at)
  // The last one, while the guest runs: the guest's own process merges it into the top.
  await drop(at, third)
  await drop(at, first)
  assert.deepEqual(await sums(at), later)
  for (const { volume } of volumes) assert.equal((await near.observe(volume)).layers, 0)
  for (const { disk, volume, key } of volumes) {
    await far.create(volume, { format: 'qcow2', sizeBytes, image: null, key, keys, isArriving: true }, never)
    const target = diskOf({ id: disk, ...(await far.open(volume, await driver.uidOf(id))), keys })
    const writing = scribble(at, 12, 3)
    const ready = () => far.arrived(volume)
    await driver.layers.mirror(id, { disk, target, ready }, () => undefined, never)
    await writing
    await near.remove(volume, never)
  }
  const moved = await sums(at)
  await driver.kill(id, never)
  for (const [n, { volume }] of volumes.entries())
    assert.equal(sumOf(at, await far.open(volume, null)), moved[n])
})

test('I-45 I-01 an encrypted disk shows nothing of what is written; layers belong to nobody who runs a guest', async (t) => {
  const at = await lab(t)
  const { driver, near, id, volumes, keys } = at
  await inGuest(
    driver,
    id,
    'yes seagull | head -c 4000000 | dd of=/dev/vdb bs=1M conv=notrunc,fsync 2>/dev/null',
  )
  await inGuest(
    driver,
    id,
    'yes seagull | head -c 4000000 | dd of=/dev/vda bs=1M conv=notrunc,fsync 2>/dev/null',
  )
  await snapshot(at)
  const [plain, sealed] = volumes
  const bytesOf = async (volume = '') => readFileSync((await near.open(volume, null)).backing[0]?.file ?? '')
  assert.ok((await bytesOf(plain?.volume)).includes('seagull\nseagull'))
  assert.ok(!(await bytesOf(sealed?.volume)).includes('seagull'))
  const pid = (await driver.observe(id)).pid ?? 0
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  for (const key of Object.values(keys)) assert.ok(!argv.includes(key))
  const chain = await near.open(plain?.volume ?? '', await driver.uidOf(id))
  for (const { file } of chain.backing) {
    assert.equal(statSync(file).mode & 0o777, 0o444)
    assert.equal(statSync(file).uid, process.getuid?.())
  }
})
