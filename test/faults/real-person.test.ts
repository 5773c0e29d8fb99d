/** An ordinary user, without any rights: start, create, console, kill, stop, down. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { isAlive, isRoot, strangerUid } from '../start/decant.ts'
import { keptOn, programsOn, qemuOn } from './real-host.ts'
import { Rig, type Thing } from './real-rig.ts'

const guestOf = ({ status }: Thing) => status.guest as { pid: number; proof: object | null } | null

test('I-24: an ordinary user has machines, consoles, kills and an end, without root', async () => {
  const rig = new Rig(isRoot ? { uid: strangerUid } : {})
  const run = (...argv: string[]) => {
    const { status, stdout, stderr } = rig.cli(...argv)
    assert.equal(status, 0, `${argv.join(' ')}: ${stderr}`)
    return stdout
  }
  try {
    await rig.start()
    await rig.makeStarter()
    run('machine', 'create', 'mine', '--image', 'starter', '--memory', '128MiB', '--wait')
    const pid = guestOf(await rig.see('mine', (machine) => guestOf(machine)?.proof !== null))?.pid ?? 0
    const owner = spawnSync('stat', ['-c', '%u', `/proc/${pid}`], { encoding: 'utf8' }).stdout.trim()
    if (isRoot) assert.equal(Number(owner), strangerUid)
    assert.match(run('machine', 'log', 'mine'), /[\w]/)
    rig.kill('all')
    await rig.restart()
    assert.match(rig.story, new RegExp(`mine \\(pid ${pid}\\)`))
    run('machine', 'stop', 'mine', '--force-after', '0', '--wait')
    assert.ok(!isAlive(pid))
    run('machine', 'start', 'mine', '--wait')
    run('down')
    assert.deepEqual(programsOn(rig.data), [])
    assert.deepEqual(qemuOn(rig.data), [])
    assert.deepEqual(
      keptOn(rig.data).filter((path) => path.endsWith('.sock')),
      [],
    )
  } finally {
    await rig.close()
  }
})
