import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openVault } from './vault.ts'

test('I-45 what is sealed opens with the same key file, for the same purpose, unchanged; nothing of it can be read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-vault-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'volumes.key')
  const vault = openVault(file)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(folder), ['volumes.key'])
  const secret = vault.newKey()
  assert.notEqual(vault.newKey(), secret)
  const sealed = vault.seal(secret, 'volume-a')
  assert.ok(!sealed.includes(secret) && sealed !== vault.seal(secret, 'volume-a'))
  assert.equal(openVault(file).open(sealed, 'volume-a'), secret)
  assert.equal(vault.open(sealed, 'volume-b'), undefined)
  for (const bad of ['', 'v1.', 'v1.AAAA', sealed.slice(0, -2), `${sealed}AA`, `x${sealed}`])
    assert.equal(vault.open(bad, 'volume-a'), undefined)
  const other = openVault(join(folder, 'other.key'))
  assert.equal(other.open(sealed, 'volume-a'), undefined)
})

test('a file that is no key is never replaced by one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'decant-vault-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'volumes.key')
  writeFileSync(file, 'half')
  assert.throws(() => openVault(file), /holds no key/)
  assert.equal(readFileSync(file, 'utf8'), 'half')
})
