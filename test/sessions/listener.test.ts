/** The administrator's token is shown to the controller's own user and to nobody else. */

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listenersOn } from '#cli/listener.ts'
import { placeOf } from '#cli/place.ts'
import { Problem } from '#model/problem.ts'

/** Data that a Decant left behind, with the port at which it listened. */
function leftAt(port: number) {
  const data = mkdtempSync(join(tmpdir(), 'decant-left-'))
  for (const name of ['run', 'controller']) mkdirSync(join(data, name))
  writeFileSync(join(data, 'run/endpoint.json'), JSON.stringify({ url: `http://127.0.0.1:${port}` }))
  writeFileSync(join(data, 'run/admin.token'), 'the token\n')
  const surroundings = { env: {}, isRoot: true, home: '/' }
  return {
    look: () => placeOf({ surroundings, data, isDataGiven: true }),
    remove: () => rmSync(data, { recursive: true }),
  }
}

test('a stranger who took the port of a Decant that ended is not shown the token (I-45)', async (t) => {
  if (process.getuid?.() !== 0) return t.diagnostic('only root can be another user')
  const script = `const s = require('net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))`
  const child = spawn(process.execPath, ['-e', script], { cwd: '/', uid: 65_534, gid: 65_534 })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const { look, remove } = leftAt(Number(said.toString()))
  await assert.rejects(look(), (error) => error instanceof Problem && error.code === 'start/not-running')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal((await look()).token, 'the token', 'where nobody listens, nobody hears')
  remove()
})

test('who listens as the owner of the data is its Decant', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { look, remove } = leftAt((server.address() as AddressInfo).port)
  assert.equal((await look()).token, 'the token')
  server.close()
  remove()
})

test('only those count who listen at an address that leads here', () => {
  const row = (place: string, state: string, uid: number) =>
    `  0: ${place} 00000000:0000 ${state} 0:0 0:0 0 ${uid} 0 1 1`
  const table = [
    row('0100007F:1CFC', '0A', 1),
    row('00000000:1CFC', '0A', 2),
    row('00000000000000000000000000000000:1CFC', '0A', 3),
    row('00000000000000000000000001000000:1CFC', '0A', 4),
    row('0100007F:1CFC', '01', 5),
    row('0100007F:1CFD', '0A', 6),
    row('0101A8C0:1CFC', '0A', 7),
  ].join('\n')
  assert.deepEqual(listenersOn(7420, ['', table]), [1, 2, 3, 4])
})
