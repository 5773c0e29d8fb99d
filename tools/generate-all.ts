/** `npm run generate`: writes every generated file anew, one generator after the other. */

import { spawnSync } from 'node:child_process'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { layerTable } from './tidy.ts'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

// Only what `check` compares: these are the generators that know `--check`.
for (const script of globSync('tools/{generate,generate-cli,qmp-types}.ts').toSorted()) {
  const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

const paper = 'ARCHITECTURE.md'
const quote = /(?<=<!-- layers -->\n)[\s\S]*?(?=<!-- \/layers -->)/
writeFileSync(
  paper,
  readFileSync(paper, 'utf8').replace(quote, () => `\n${layerTable()}\n`),
)
