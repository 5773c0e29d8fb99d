import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { claimFolder, folderFault, type Claim } from './claim.ts'

function ground(t: TestContext) {
  const top = mkdtempSync(join(tmpdir(), 'decant-claim-'))
  t.after(() => rmSync(top, { recursive: true, force: true }))
  for (const name of ['disk', 'other', 'notes']) mkdirSync(join(top, name))
  const noteOf = (id: string) => join(top, 'notes', `${id}.json`)
  const claim = (id: string, folder = 'disk') =>
    claimFolder({ id, folder: join(top, folder), note: noteOf(id) })
  return { top, claim }
}

const isClaim = (claimed: Awaited<ReturnType<typeof claimFolder>>): claimed is Claim => 'folder' in claimed
const codeOf = (claimed: Awaited<ReturnType<typeof claimFolder>>) =>
  isClaim(claimed) ? 'claimed' : claimed.code

test('I-23 a folder is one datastore, whoever asks later', async (t) => {
  const { top, claim } = ground(t)
  const [first, second] = [randomUUID(), randomUUID()]
  for (const _ of [1, 2]) assert.equal(codeOf(await claim(first)), 'claimed')
  assert.equal(codeOf(await claim(second)), 'datastore/foreign')
  assert.deepEqual(readdirSync(join(top, 'disk', 'decant')), ['datastore.json'])
})

test('I-23 of many that ask at once, one gets the folder', async (t) => {
  const { claim } = ground(t)
  const claimed = await Promise.all(Array.from({ length: 8 }, () => claim(randomUUID())))
  assert.equal(claimed.filter(isClaim).length, 1)
})

test('a mount point that is empty now is not written to, neither for its own datastore nor for another', async (t) => {
  const { top, claim } = ground(t)
  const id = randomUUID()
  const claimed = await claim(id)
  assert.ok(isClaim(claimed))
  renameSync(join(top, 'disk'), join(top, 'away'))
  mkdirSync(join(top, 'disk'))
  assert.equal((await claimed.check())?.code, 'datastore/mark-missing')
  assert.equal(codeOf(await claim(id)), 'datastore/mark-missing')
  assert.equal(codeOf(await claim(randomUUID())), 'datastore/foreign')
  assert.deepEqual(readdirSync(join(top, 'disk')), [])
  rmSync(join(top, 'disk'), { recursive: true })
  renameSync(join(top, 'away'), join(top, 'disk'))
  assert.equal(await claimed.check(), undefined)
})

test('a mark that was put in the place of ours is seen', async (t) => {
  const { top, claim } = ground(t)
  const claimed = await claim(randomUUID())
  assert.ok(isClaim(claimed))
  const mark = join(top, 'disk', 'decant', 'datastore.json')
  rmSync(mark)
  writeFileSync(mark, `{"version":1,"datastore":"${randomUUID()}"}`)
  assert.equal((await claimed.check())?.code, 'datastore/foreign')
  rmSync(mark)
  symlinkSync('/etc/hostname', mark)
  assert.equal((await claimed.check())?.code, 'datastore/foreign')
})

test('given up and empty, the folder may be claimed again; not empty, it stays marked', async (t) => {
  const { top, claim } = ground(t)
  for (const isEmpty of [true, false]) {
    const claimed = await claim(randomUUID())
    assert.ok(isClaim(claimed))
    await claimed.giveUp(isEmpty)
    assert.equal(existsSync(join(top, 'disk', 'decant', 'datastore.json')), !isEmpty)
  }
  assert.equal(codeOf(await claim(randomUUID())), 'datastore/foreign')
})

test('only folders below allowed ones, through no link, that nobody else can change', async (t) => {
  const { top } = ground(t)
  const uid = process.getuid?.() ?? 0
  const fault = async (folder: string, allowed = [top]) => (await folderFault(folder, allowed, uid))?.code
  assert.equal(await fault(join(top, 'disk')), undefined)
  assert.equal(await fault(top), undefined)
  assert.equal(await fault(`${top}x`), 'datastore/not-allowed')
  assert.equal(await fault('/etc'), 'datastore/not-allowed')
  assert.equal(await fault(join(top, 'disk'), []), 'datastore/not-allowed')
  for (const odd of ['', 'disk', `${top}/../etc`, `${top}//disk`, `${top}/disk\0`])
    assert.equal(await fault(odd), 'datastore/no-folder')
  assert.equal(await fault(join(top, 'absent')), 'datastore/folder-absent')
  symlinkSync(join(top, 'disk'), join(top, 'link'))
  mkdirSync(join(top, 'disk', 'inner'))
  assert.equal(await fault(join(top, 'link', 'inner')), 'datastore/symbolic-link')
  chmodSync(join(top, 'disk'), 0o777)
  assert.equal(await fault(join(top, 'disk', 'inner')), 'datastore/not-safe')
})
