/** What QEMU and a guest say of its use, read: also what they leave out, and what a hostile one makes up. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { disksFrom } from './usage-disks.ts'
import { insideFrom } from './usage-memory.ts'
import { interfacesIn } from './usage-nics.ts'
import { vcpuReading } from './usage-proc.ts'

/** As QEMU says that a guest did not tell. */
const untold = 2 ** 64

test('memory is known when the guest tells its total and what is available; what it does not tell is null', () => {
  const stats = {
    'stat-total-memory': 1000,
    'stat-available-memory': 400,
    'stat-free-memory': 300,
    'stat-swap-in': untold,
    'stat-swap-out': 7,
    'stat-major-faults': -1,
  }
  const told = {
    totalBytes: 1000,
    availableBytes: 400,
    swapInBytes: null,
    swapOutBytes: 7,
    majorFaults: null,
  }
  assert.deepEqual(insideFrom(stats), told)
  assert.equal(insideFrom({ ...stats, 'stat-available-memory': untold })?.availableBytes, 300)
  assert.equal(insideFrom({ ...stats, 'stat-total-memory': untold }), null)
  for (const noise of [null, 5, [], { 'stat-total-memory': 'x' }]) assert.equal(insideFrom(noise), null)
})

test('drives are known by the device that the guest sees, whatever bus; others are not ours', () => {
  const stats = {
    rd_bytes: 5,
    rd_operations: 1,
    wr_total_time_ns: 2e9,
    failed_wr_operations: 1,
    flush_operations: 'x',
  }
  const drive = (qdev: string) => ({ qdev, stats, 'node-name': 'n' })
  const found = disksFrom([
    drive('/machine/peripheral/disk0/virtio-backend'),
    drive('disk1'),
    drive('/machine/peripheral/cdrom0'),
    drive('/machine/unattached/device[3]'),
    drive('/machine/peripheral/disk777'),
    { stats },
    null,
  ])
  assert.deepEqual(Object.keys(found), ['disk0', 'disk1', 'cdrom0'])
  assert.deepEqual(
    [found['disk0']?.readBytes, found['disk0']?.requestSeconds, found['disk0']?.failedOps],
    [5, 2, 1],
  )
  assert.equal(found['disk0']?.flushOps, 0)
  assert.deepEqual(disksFrom({ disk0: stats }), {})
})

test('a tap is found by its name; a NIC without one is not counted', () => {
  const text = [
    'net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:56',
    ' \\ net0: index=0,type=tap,ifname=dc1a2b,script=no,downscript=no',
    'net1: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57',
    ' \\ net1: index=0,type=user,net=10.0.2.0,restrict=off',
    ' \\ net2: index=0,type=tap,ifname=../../etc,script=no',
    ' \\ net3: index=0,type=tap,fd=99999',
  ].join('\r\n')
  assert.deepEqual([...interfacesIn(text, process.pid)], [['net0', 'dc1a2b']])
})

test('a thread tells how long it ran; one that is gone tells nothing', () => {
  const reading = vcpuReading(process.pid, process.pid)
  assert.ok((reading?.runSeconds ?? 0) > 0)
  assert.equal(vcpuReading(process.pid, 2 ** 22 + 1), undefined)
})
