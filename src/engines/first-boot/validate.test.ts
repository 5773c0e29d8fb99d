/** Texts for cloud-init are judged as cloud-init judges them; whatever they hold, in bounded time. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, array, constantFrom, property, string } from 'fast-check'
import { yamlFrom } from '#base/yaml.ts'
import { networkConfigFault, userDataFault } from './validate.ts'

const config = (text: string) => userDataFault(`#cloud-config\n${text}`)

test('what cloud-init takes is taken', () => {
  for (const text of [
    '',
    'packages: [nginx, [curl, "7.88"]]\nruncmd:\n  - [ls, -l]\n  - echo hi\n',
    'users:\n  - default\n  - name: alice\n    groups: [sudo]\n    ssh_authorized_keys: [ssh-ed25519 AAAA x]\n',
    'write_files:\n- path: /etc/x\n  content: |\n    [ {{{ [[\n  permissions: "0644"\n',
    'package_update: yes\nchpasswd: {expire: no}\n',
  ])
    assert.equal(config(text), undefined, text)
  for (const text of [
    '',
    '#!/bin/sh\nset -e\n',
    '#include\nhttp://x/\n',
    'Content-Type: multipart/mixed; boundary=x\n',
  ])
    assert.equal(userDataFault(text), undefined, text)
})

test('what it does not take is told with its place and line', () => {
  assert.deepEqual(config('packages: [nginx]\nrumcmd: [ls]\n'), {
    why: 'cloud-init knows no such key',
    line: 3,
    path: 'rumcmd',
  })
  assert.deepEqual(config('users:\n  - default\n  - name: alice\n    shel: /bin/sh\n'), {
    why: 'cloud-init knows no such key',
    line: 5,
    path: 'users.1.shel',
  })
  const wrong = config('timezone: 7\n')
  assert.deepEqual([wrong?.line, wrong?.path], [2, 'timezone'])
  assert.equal(config('a: [1, 2\n')?.line, 3)
  assert.match(config('a: 1\na: 2\n')?.why ?? '', /unique/)
  assert.match(config('- just\n- a list\n')?.why ?? '', /object/)
  assert.match(userDataFault('packages: [nginx]\n')?.why ?? '', /#cloud-config/)
})

test('a network-config is of version 2', () => {
  const good =
    'version: 2\nethernets:\n  net0:\n    match: {macaddress: "52:54:00:00:00:01"}\n    dhcp4: true\n'
  assert.equal(networkConfigFault(good), undefined)
  assert.equal(networkConfigFault(`network:\n${good.replaceAll(/^/gm, '  ').trimEnd()}\n`), undefined)
  assert.notEqual(networkConfigFault('version: 1\nconfig: []\n'), undefined)
  assert.notEqual(networkConfigFault(good.replace('dhcp4: true', 'dhcp4: maybe')), undefined)
})

test('no text costs much: depth, aliases and size are bounded', () => {
  const bomb = Array.from({ length: 9 }, (_, at) =>
    at === 0
      ? 'a0: &a0 [x, x]'
      : `a${at}: &a${at} [${Array.from({ length: 20 }, () => `*a${at - 1}`).join(', ')}]`,
  ).join('\n')
  for (const text of [
    bomb,
    '['.repeat(100_000),
    `${'- '.repeat(60_000)}x`,
    `${'{a: '.repeat(30_000)}`,
    '? '.repeat(50_000),
  ]) {
    assert.notEqual(config(text), undefined)
    assert.ok('why' in yamlFrom(text))
  }
})

test('whatever it is told, it says what is wrong or nothing, and never fails itself', () => {
  const piece = constantFrom(
    'a',
    ': ',
    '\n',
    '- ',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&x ',
    '*x',
    '|',
    '"',
    "'",
    '!!int ',
    '#',
    '%',
    '? ',
    '<<: ',
  )
  check(
    property(array(piece, { maxLength: 60 }), string(), (pieces, rest) => {
      const fault = config(pieces.join('') + rest)
      assert.ok(fault === undefined || (fault.line >= 1 && fault.why !== '' && fault.why.length < 400))
    }),
    { numRuns: 300 },
  )
})
