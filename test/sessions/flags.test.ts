/** Flags as readings of the schemas, and what they make of what somebody types. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { present } from '#base/assert.ts'
import { Problem } from '#model/problem.ts'
import { kindNamed, kinds } from '#kinds/registry.ts'
import { argumentsFrom } from '#cli/arguments.ts'
import { fieldFlagsOf, wishFlags } from '#cli/nouns/wishing.ts'
import { actionsOf } from '#cli/nouns/command.ts'
import { everywhere } from '#cli/everywhere.ts'
import { bindingFrom, forwardFrom } from '#cli/shorthands.ts'
import { labelsFrom, specFrom, withAt } from '#cli/wish.ts'

const machine = present(kindNamed('machine'), 'machines')
const reading = { language: 'en', nowMs: 0 } as const

const typed = (kindName: string, ...argv: string[]) => {
  const kind = present(kindNamed(kindName), kindName)
  return specFrom({}, argumentsFrom(argv, wishFlags(kind), 'en'), fieldFlagsOf(kind), reading)
}

const whyOf = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    if (error instanceof Problem) return String(error.facts.why)
    throw error
  }
  return 'no problem'
}

test('units, switches, lists, records, moments and nested fields become flags', () => {
  assert.deepEqual(
    typed('machine', '--image', 'debian', '--cpus', '2', '--memory', '1.5GiB', '--force-after=90s'),
    {
      image: 'debian',
      cpus: 2,
      memoryMib: 1536,
      forceAfterSeconds: 90,
    },
  )
  assert.deepEqual(typed('network', '--shared', '--no-restricted'), { isShared: true, isRestricted: false })
  assert.deepEqual(
    typed('machine', '--disk', 'volume=a', '--disk', 'size=1GiB,bus=scsi,read-only', '--disk', '2GiB'),
    {
      disks: [{ volume: 'a' }, { sizeMib: 1024, bus: 'scsi', isReadOnly: true }],
      diskMib: 2048,
    },
  )
  assert.deepEqual(
    typed(
      'machine',
      '--nic',
      'network=lan,security-group=web,security-group=db,address=10.0.0.5',
      '--nic',
      'lab',
    ),
    {
      nics: [{ network: 'lan', securityGroups: ['web', 'db'], address4: '10.0.0.5' }, { network: 'lab' }],
    },
  )
  assert.deepEqual(typed('machine', '--nic', 'address=fd00::5,forward=8080:80,forward=53/udp'), {
    nics: [
      {
        address6: 'fd00::5',
        forwards: [
          { hostPort: 8080, guestPort: 80 },
          { protocol: 'udp', guestPort: 53 },
        ],
      },
    ],
  })
  assert.deepEqual(
    typed('machine', '--cdrom', 'debian', '--share', 'tag=a,folder=/srv,read-only', '--uefi'),
    {
      cdroms: [{ image: 'debian' }],
      firmware: 'uefi',
      shares: [{ tag: 'a', folder: '/srv', isReadOnly: true }],
    },
  )
  assert.deepEqual(
    typed('machine', '--hostname', 'web', '--ssh-key', 'ssh-ed25519 AAAA me', '--cpus-max', '4'),
    {
      firstBoot: { hostname: 'web', sshKeys: ['ssh-ed25519 AAAA me'] },
      cpusMax: 4,
    },
  )
  assert.deepEqual(typed('machine', '--host-label', 'rack=1'), { hostLabels: { rack: '1' } })
  assert.deepEqual(typed('project', '--quota-memory', '4GiB', '--quota-machines=3'), {
    quota: { memoryMib: 4096, machines: 3 },
  })
  assert.deepEqual(typed('token', '--expires-at', '1h'), { expiresAtMs: 3_600_000 })
  assert.deepEqual(typed('machine', '--forward', '127.0.0.1:8080:80', '--set', 'nics.0.network=lab'), {
    nics: [{ forwards: [{ address: '127.0.0.1', hostPort: 8080, guestPort: 80 }], network: 'lab' }],
  })
  assert.deepEqual(typed('volume', '--volume-format', 'raw'), { format: 'raw' })
})

test('what does not fit is said with the flag, and the nearest flag is named', () => {
  assert.match(
    whyOf(() => typed('machine', '--memory', 'much')),
    /`--memory` is a quantity such as 512MiB, not `much`/,
  )
  assert.match(
    whyOf(() => typed('machine', '--cpus', '1.5')),
    /`--cpus` is a whole number/,
  )
  assert.match(
    whyOf(() => typed('machine', '--restart', 'sometimes')),
    /one of on-failure, always, never/,
  )
  assert.match(
    whyOf(() => typed('machine', '--memroy', '1')),
    /did you mean `--memory`/,
  )
  assert.match(
    whyOf(() => typed('machine', '--cpus')),
    /`--cpus` needs a value/,
  )
  assert.match(
    whyOf(() => typed('machine', '--set', 'nothing')),
    /path=value/,
  )
})

test('no two flags of one action share a name, and none hides a flag of every command', () => {
  for (const kind of kinds) {
    for (const action of actionsOf(kind)) {
      const names = [...action.flags(), ...everywhere].map(({ name }) => name)
      assert.deepEqual(names, [...new Set(names)], `${kind.name} ${action.name}`)
    }
  }
})

test('forwards and roles are read strictly', () => {
  assert.deepEqual(forwardFrom('53:53/udp'), { protocol: 'udp', hostPort: 53, guestPort: 53 })
  assert.deepEqual(forwardFrom('80'), { guestPort: 80 })
  for (const bad of ['0', '1:0', '70000', '1:2:3', 'a:1', '80/sctp', ''])
    assert.equal(forwardFrom(bad), undefined, bad)
  assert.deepEqual(bindingFrom('lab=operator'), { project: 'lab', role: 'operator' })
  assert.deepEqual(bindingFrom('viewer'), { project: '*', role: 'viewer' })
  assert.equal(bindingFrom('root'), undefined)
})

test('a field called __proto__ stays a field and harms nothing', () => {
  const bag = withAt({}, ['__proto__', 'polluted'], true)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.deepEqual(Object.keys(bag as object), ['__proto__'])
})

test('labels: a value, several equals signs, and taking one off', () => {
  assert.deepEqual(labelsFrom(['a=b', 'c=d=e', 'gone-'], 'en'), { a: 'b', c: 'd=e', gone: null })
  assert.match(
    whyOf(() => labelsFrom(['nothing'], 'en')),
    /KEY=VALUE/,
  )
})

test('after `--` everything is an operand', () => {
  assert.deepEqual(argumentsFrom(['--', '--cpus', '2'], wishFlags(machine), 'en').operands, ['--cpus', '2'])
})
