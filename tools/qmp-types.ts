/**
 * Writes the TypeScript types of the QMP messages that Decant uses, from QEMU's own schema.
 *
 * `node tools/qmp-types.ts` asks an installed QEMU (`query-qmp-schema`) and writes the file;
 * `--check` fails when the file is stale. Another QEMU than the one named in the file's head proves
 * nothing about it, so then `--check` only says so. Source: qemu.org, docs/devel/qapi-code-gen.
 */

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const file = 'src/drivers/hypervisor/qemu/qmp/schema.gen.ts'

/** Everything that the driver says to QEMU, and what it listens for. */
const commands = [
  'balloon',
  'block-stream',
  'block_resize',
  'block_set_io_throttle',
  'blockdev-add',
  'blockdev-close-tray',
  'blockdev-del',
  'blockdev-insert-medium',
  'blockdev-mirror',
  'blockdev-open-tray',
  'blockdev-remove-medium',
  'cont',
  'device_add',
  'device_del',
  'human-monitor-command',
  'job-cancel',
  'job-complete',
  'job-dismiss',
  'migrate',
  'migrate-incoming',
  'migrate-set-capabilities',
  'migrate-set-parameters',
  'migrate_cancel',
  'netdev_add',
  'netdev_del',
  'object-add',
  'object-del',
  'qmp_capabilities',
  'qom-get',
  'qom-list',
  'qom-set',
  'query-balloon',
  'query-block',
  'query-blockstats',
  'query-chardev',
  'query-cpus-fast',
  'query-hotpluggable-cpus',
  'query-jobs',
  'query-memory-devices',
  'query-memory-size-summary',
  'query-migrate',
  'query-named-block-nodes',
  'query-pci',
  'query-status',
  'query-uuid',
  'quit',
  'screendump',
  'send-key',
  'set_link',
  'stop',
  'system_powerdown',
  'system_reset',
  'transaction',
  'x-exit-preconfig',
]
const events = [
  'BALLOON_CHANGE',
  'BLOCK_IO_ERROR',
  'DEVICE_DELETED',
  'DEVICE_TRAY_MOVED',
  'GUEST_PANICKED',
  'MEMORY_DEVICE_SIZE_CHANGE',
  'MIGRATION',
  'RESET',
  'RESUME',
  'SHUTDOWN',
  'STOP',
  'WATCHDOG',
]

/** Their arguments are whatever the thing that is added takes: QEMU's schema does not say, or without end. */
const openEnded = new Set([
  'blockdev-add',
  'device_add',
  'netdev_add',
  'object-add',
  'blockdev-mirror',
  'transaction',
  'query-migrate',
  'migrate-set-parameters',
])

type Member = { readonly name: string; readonly type: string; readonly default?: unknown }
type Case = { readonly case: string; readonly type: string }
type Entity = {
  readonly name: string
  readonly 'meta-type': string
  readonly 'arg-type'?: string
  readonly 'ret-type'?: string
  readonly 'element-type'?: string
  readonly 'json-type'?: string
  readonly values?: readonly string[]
  readonly members?: readonly (Member | { readonly type: string })[]
  readonly tag?: string
  readonly variants?: readonly Case[]
}

/** The whole schema, asked of a QEMU that runs no guest. */
async function askSchema(qemu: string): Promise<Entity[]> {
  const child = spawn(qemu, ['-M', 'none', '-nodefaults', '-display', 'none', '-qmp', 'stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (execute: string) => {
    child.stdin.write(`${JSON.stringify({ execute })}\n`)
    for (;;) {
      const answer: { return?: unknown } = JSON.parse((await lines.next()).value as string)
      if ('return' in answer) return answer.return
    }
  }
  await lines.next()
  await ask('qmp_capabilities')
  const schema = (await ask('query-qmp-schema')) as Entity[]
  child.stdin.write('{"execute":"quit"}\n')
  return schema
}

/** Writes one entity as a TypeScript type, in place: QEMU gives its types no names. */
function typeText(schema: ReadonlyMap<string, Entity>, name: string): string {
  const entity = schema.get(name)
  if (entity === undefined) throw new Error(`the schema has no type ${name}`)
  switch (entity['meta-type']) {
    case 'builtin':
      return builtinText(entity['json-type'] ?? '')
    case 'enum':
      return (entity.values ?? []).map((value) => `'${value}'`).join(' | ')
    case 'array':
      return `readonly (${typeText(schema, entity['element-type'] ?? '')})[]`
    case 'alternate':
      return (entity.members ?? []).map(({ type }) => typeText(schema, type)).join(' | ')
    default:
      return oncePerPath(name, () => objectText(schema, entity))
  }
}

/** Types under way: one that holds itself cannot be written in place, and its inner self stays unknown. */
const underWay = new Set<string>()

function oncePerPath(name: string, write: () => string): string {
  if (underWay.has(name)) return 'unknown'
  underWay.add(name)
  const text = write()
  underWay.delete(name)
  return text
}

const builtinText = (json: string) =>
  ({ int: 'number', number: 'number', string: 'string', boolean: 'boolean', null: 'null' })[json] ?? 'unknown'

function objectText(schema: ReadonlyMap<string, Entity>, entity: Entity): string {
  const members = (entity.members ?? []) as readonly Member[]
  const text = `{ ${members
    .filter(({ name }) => name !== entity.tag)
    .map((member) => memberText(schema, member))
    .join('; ')} }`
  if (entity.tag === undefined) return text
  const tagType = members.find(({ name }) => name === entity.tag)?.type ?? ''
  const cases = (schema.get(tagType)?.values ?? []).map((value) => {
    const variant = entity.variants?.find((each) => each.case === value)
    const rest = variant === undefined ? '{}' : typeText(schema, variant.type)
    return `({ readonly '${entity.tag}': '${value}' } & ${rest})`
  })
  return `${text} & (${cases.join(' | ')})`
}

const memberText = (schema: ReadonlyMap<string, Entity>, member: Member) =>
  `readonly '${member.name}'${'default' in member ? '?' : ''}: ${typeText(schema, member.type)}`

function fileText(version: string, entities: readonly Entity[]): string {
  const schema = new Map(entities.map((entity) => [entity.name, entity]))
  const entry = (name: string) => {
    const entity = schema.get(name)
    if (entity === undefined) throw new Error(`this QEMU does not know ${name}`)
    return entity
  }
  return `/** Generated by tools/qmp-types.ts from the schema of QEMU ${version}; do not edit. */

import type { JsonObject } from '#base/json.ts'

export type Commands = {
${commands
  .map((name) => {
    const { 'arg-type': given = '', 'ret-type': returned = '' } = entry(name)
    return `  readonly '${name}': {\n    readonly arguments: ${openEnded.has(name) ? 'JsonObject' : typeText(schema, given)}\n    readonly return: ${typeText(schema, returned)}\n  }`
  })
  .join('\n')}
}

export type Events = {
${events.map((name) => `  readonly '${name}': ${typeText(schema, entry(name)['arg-type'] ?? '')}`).join('\n')}
}
`
}

/** Version of a QEMU; empty where there is none. */
function versionOf(qemu: string): string {
  const { stdout } = spawnSync(qemu, ['--version'], { encoding: 'utf8' })
  return /version ([\d.]+)/.exec(stdout ?? '')?.[1] ?? ''
}

if (import.meta.main) {
  const qemu = process.env['QEMU'] ?? 'qemu-system-x86_64'
  const version = versionOf(qemu)
  const isCheck = process.argv.includes('--check')
  const present = isCheck ? readFileSync(file, 'utf8') : ''
  if (isCheck && !present.includes(`QEMU ${version};`)) {
    console.log(`${file}: made from another QEMU than the one here (${version || 'none'}); not compared`)
  } else {
    const text = fileText(version, await askSchema(qemu))
    if (!isCheck) writeFileSync(file, text)
    else if (text !== present) process.exitCode = 1
    console.log(`${file}: ${isCheck ? (text === present ? 'fresh' : 'stale') : 'written'}`)
  }
}
