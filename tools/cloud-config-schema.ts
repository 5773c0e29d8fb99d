/**
 * Writes cloud-init's own JSON schemas as constants, from the Debian package `cloud-init` of the release named below.
 *
 * `node tools/cloud-config-schema.ts` downloads the package by apt-get, from where this host's own packages come, and
 * installs nothing. Not part of `npm run generate`: it needs the network, and another version is a change that is wished.
 */

import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isObject } from '#base/json.ts'
import { sourcesFor, targetFormat } from '#drivers/image/debian/build/mirrors.ts'

const file = 'src/engines/first-boot/schemas.gen.ts'
const folder = mkdtempSync(join(tmpdir(), 'decant-schema-'))
const run = (tool: string, ...argv: readonly string[]) =>
  execFileSync(tool, argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** Words for people, which cloud-init's own validator does not read either. */
const words = new Set(['title', 'description', 'markdownDescription', 'label', 'examples', '$schema'])

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (!isObject(value)) return value
  // A property may itself be called `description`; words for people are texts.
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, inner]) => !(words.has(name) && (typeof inner === 'string' || name === 'examples')))
      .map(([name, inner]) => [name, bare(inner)]),
  )
}

function download(): string {
  for (const name of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, 'apt', name), { recursive: true })
  const targets = run('apt-get', 'indextargets', '--format', targetFormat, 'Created-By: Packages')
  writeFileSync(join(folder, 'sources.list'), `${sourcesFor('debian-13', targets)[0]}\n`)
  writeFileSync(join(folder, 'status'), '')
  const options = [
    `Dir::State=${folder}/apt/state`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}/apt/cache`,
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    'Dir::Etc::sourceparts=-',
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option])
  run('apt-get', ...options, 'update')
  run('apt-get', ...options, 'download', '--', 'cloud-init')
  const [deb = ''] = globSync(join(folder, 'cloud-init_*.deb'))
  run('dpkg-deb', '-x', deb, join(folder, 'package'))
  return run('dpkg-deb', '-f', deb, 'Version').trim()
}

try {
  const version = download()
  const schema = (name: string) => {
    const [path = ''] = globSync(
      join(folder, `package/usr/lib/python3/dist-packages/cloudinit/config/schemas/${name}`),
    )
    return JSON.stringify(JSON.stringify(bare(JSON.parse(readFileSync(path, 'utf8')))))
  }
  writeFileSync(
    file,
    `/**
 * Schemas of cloud-init ${version}, without their words for people. Written by tools/cloud-config-schema.ts.
 *
 * cloud-init is (c) 2009-2025 Canonical Ltd. and others; used here under the Apache License, Version 2.0.
 */

export const cloudConfigSchema: string = ${schema('schema-cloud-config-v1.json')}

export const networkConfigSchema: string = ${schema('schema-network-config-v2.json')}
`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
