/** The door of settings: what is taken, what is refused and by what name. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSettings, settingsText } from '#bin/config.ts'
import { nameFrom } from '#bin/identity.ts'
import { layOut, layoutOf } from '#bin/layout.ts'
import { unitText } from '#bin/local/systemd.ts'
import { Problem } from '#model/problem.ts'

const read = (argv: readonly string[], env: Record<string, string> = {}, uid = 1000) =>
  readSettings(argv, { XDG_DATA_HOME: '/home/somebody/data', ...env }, uid)

const refusal = (argv: readonly string[], env: Record<string, string> = {}) => {
  try {
    read(argv, env)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    assert.equal(error.code, 'setting/invalid')
    return String(error.facts.setting)
  }
  return assert.fail(`${argv.join(' ')} was taken`)
}

test('without a word, Decant serves on loopback, port 7420, in the data folder of its user', () => {
  const { data, port, listen, hello, simulate } = read([])
  assert.deepEqual(
    [data, port, listen, hello, simulate],
    ['/home/somebody/data/decant', 7420, '127.0.0.1', true, undefined],
  )
  assert.equal(read([], {}, 0).data, '/var/lib/decant')
  assert.match(read([], { XDG_DATA_HOME: 'relative' }).data, /\/\.local\/share\/decant$/)
})

test('arguments outdo the environment, which outdoes the defaults', () => {
  const env = { DECANT_PORT: '8000', DECANT_DATA: '/srv/one', DECANT_HELLO: 'no' }
  assert.equal(read([], env).port, 8000)
  assert.equal(read(['--port', '9000'], env).port, 9000)
  assert.equal(read(['--port=9001'], env).port, 9001)
  assert.equal(read([], env).data, '/srv/one')
  assert.equal(read(['--data', '/srv/two/'], env).data, '/srv/two')
  assert.equal(read([], env).hello, false)
  assert.equal(read(['--hello'], env).hello, true)
  assert.equal(read(['--no-hello']).hello, false)
})

test('what is simulated never meets real data by default', () => {
  const { data, simulate } = read(['--simulate', '100,1000'])
  assert.deepEqual(simulate, { hosts: 100, machines: 1000 })
  assert.equal(data, '/home/somebody/data/decant-simulated')
  assert.equal(read(['--simulate', '1,0', '--data', '/srv/x']).data, '/srv/x')
})

test('a refused argument is named as it was written, a refused variable by its name', () => {
  for (const port of ['70000', '-1', 'abc', '80.5', '', ' 80', '0x50'])
    assert.equal(refusal([`--port=${port}`]), '--port', port)
  assert.equal(refusal([], { DECANT_PORT: 'abc' }), 'DECANT_PORT')
  assert.equal(refusal([], { DECANT_LISTEN: 'example.org' }), 'DECANT_LISTEN')
  assert.equal(refusal(['--listen', '300.1.1.1']), '--listen')
  assert.equal(refusal(['--name', 'Not A Name']), '--name')
  assert.equal(refusal(['--hello=perhaps']), '--hello')
  for (const size of ['100', '0,5', 'a,b', '1,2,3', '-1,5'])
    assert.equal(refusal([`--simulate=${size}`]), '--simulate', size)
  assert.equal(refusal(['--data', 'a\0b']), '--data')
})

test('an unknown setting, a stray word and a missing value are refused', () => {
  assert.equal(refusal(['--prot', '80']), '--prot')
  assert.equal(refusal(['-p', '80']), '-p')
  assert.equal(refusal(['start']), 'start')
  assert.equal(refusal(['--port']), '--port')
  assert.equal(refusal(['--no-port']), '--no-port')
})

test('a setting of any length and content is refused in a short text', () => {
  assert.ok(refusal([`--${'x'.repeat(10_000)}`]).length <= 80)
})

test('help lists every setting with its variable', () => {
  const text = settingsText()
  for (const flag of [
    '--data DIR',
    '--port N',
    '--listen ADDRESS',
    '--simulate HOSTS,MACHINES',
    '--[no-]hello',
  ])
    assert.ok(text.includes(flag), flag)
  assert.ok(text.includes('DECANT_LISTEN'))
})

test('a host gets a name by our rules, whatever the machine is called', () => {
  assert.equal(nameFrom('Node_7.example.org'), 'node-7')
  assert.equal(nameFrom('---'), 'host')
  assert.equal(nameFrom(''), 'host')
  assert.equal(nameFrom('서버'), 'host')
  assert.ok(nameFrom('x'.repeat(200)).length <= 63)
})

test('a data folder that cannot be is refused at once, in words', () => {
  for (const data of ['/proc/decant/data', `${import.meta.filename}/data`])
    assert.throws(
      () => layOut(layoutOf(data), false),
      (error) => error instanceof Problem && /cannot be a folder/.test(error.message),
      data,
    )
})

test('a service starts what it was told, word for word, and its restart ends no guest (I-24)', () => {
  const unit = unitText(['/opt/node', 'start.ts', '--data', '/srv/50% of $HOME "here"'], true)
  assert.match(unit, /^ExecStart="\/opt\/node" "start.ts" "--data" "\/srv\/50%% of \$\$HOME \\"here\\""$/m)
  assert.match(unit, /^KillMode=process$/m)
  assert.match(unit, /^SendSIGKILL=no$/m)
})
