/** The papers say only what is so: commands, flags, fields, links, codes; the same in both languages. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { languages } from '#model/sentence.ts'
import { problems } from '#model/catalogue/problems.ts'
import {
  codeFaults,
  commandLineFault,
  commandsIn,
  fencesIn,
  guides,
  linkFaults,
  papers,
  sheetFaults,
  textOf,
  uncommented,
} from './docs.ts'
import { settingsText } from '../src/bin/config.ts'
import { page as commandPage } from './generate-cli.ts'

const faultsOf = (text: string) =>
  commandsIn(text).flatMap((line) => {
    const fault = commandLineFault(line)
    return fault === undefined ? [] : [`${line}: ${fault}`]
  })

test('every command in a guide is one that Decant takes, with its flags, values and fields', () => {
  for (const paper of guides()) assert.deepEqual(faultsOf(textOf(paper)), [], paper)
  assert.ok(guides().flatMap((paper) => commandsIn(textOf(paper))).length > 100, 'commands are found')
})

test('a wrong command in a paper is found, wherever it stands', () => {
  const wrong = [
    './decant machine list --labels tier=web',
    './decant machines lst',
    './decant machine create web --memory much',
    './decant machine create web --set cpu=2',
    './decant machine create',
    './decant machine list web',
    './decant project create shop --set quota.machine=10',
    './decant store backwards decant.db',
    './decant explain machine.nic',
    './decant teleport web',
    './decant run starter --remove',
    './decant status please',
    './decant machine list --format xml',
    'npm start -- --prot 8000',
    'npm run chekc',
  ]
  for (const line of wrong) {
    for (const text of [line, `Say \`${line}\` then.`, `| x | \`${line}\` | y |`, `${line}   # why`])
      assert.equal(faultsOf(text).length, 1, text)
  }
  const right = './decant machine create web --set \'nics=[{"network":"lab"}]\' > web.json'
  assert.deepEqual(faultsOf(`${right}\n./decant plan -f shop.yaml       # look\nnpm start -- --port 0`), [])
})

test('what the catalogue advises to type exists', () => {
  for (const [code, { advice }] of Object.entries(problems)) {
    for (const language of languages) {
      const filled = advice[language].replaceAll('{kind}', 'machine').replaceAll('{name}', 'web')
      const lines = [...filled.matchAll(/`decant ([^`]+)`/g)].map(([, rest = '']) => rest)
      for (const line of lines) {
        // Named, not spelt out: what follows the words is the reader's to say.
        const fault = commandLineFault(`./decant ${line}`) ?? ''
        assert.doesNotMatch(fault, /^there is no|flag/, `${code}: ${line}`)
      }
    }
  }
})

test('both languages have the same pages with the same commands', () => {
  const typed = (paper: string) => ({
    fences: fencesIn(textOf(paper)).map(({ language, body }) => [
      language,
      uncommented(body).replaceAll(/\s+$/gm, ''),
    ]),
    commands: commandsIn(textOf(paper)).toSorted(),
  })
  const english = guides().filter((paper) => paper.includes('/en/') || paper === 'README.md')
  const other = (paper: string) => (paper === 'README.md' ? 'README.ko.md' : paper.replace('/en/', '/ko/'))
  assert.deepEqual(
    guides().filter((paper) => !english.includes(paper)),
    english.map(other).toSorted(),
  )
  for (const paper of english) {
    const [here, there] = [typed(paper), typed(other(paper))]
    assert.deepEqual(there.fences, here.fences, other(paper))
    assert.deepEqual([...new Set(there.commands)], [...new Set(here.commands)], other(paper))
  }
})

test('the README begins with the two commands', () => {
  for (const paper of ['README.md', 'README.ko.md']) {
    const first = fencesIn(textOf(paper))[0]?.body ?? ''
    assert.deepEqual(commandsIn(first), ['npm start', 'npm test'], paper)
  }
})

test('every relative link leads somewhere', () => {
  for (const paper of papers()) assert.deepEqual(linkFaults(paper, textOf(paper)), [], paper)
  assert.deepEqual(
    linkFaults('README.md', '[a](docs/nowhere.md#x) [b](docs/) [c](https://x.test/) [d](#e)'),
    ['docs/nowhere.md'],
  )
})

test('every object in a guide fits its kind, and every code is in a catalogue', () => {
  for (const paper of guides()) {
    assert.deepEqual(sheetFaults(textOf(paper)), [], paper)
    assert.deepEqual(codeFaults(textOf(paper)), [], paper)
  }
  assert.equal(sheetFaults('```yaml\nkind: machine\nspec: { cpu: 1 }\n---\nkind: ship\n```').length, 2)
  assert.deepEqual(codeFaults('`store/full` `store/fool`'), ['store/fool'])
})

const variablesIn = (text: string) => [...text.matchAll(/DECANT_[A-Z]+(?:_[A-Z]+)*/g)].map(([name]) => name)

test('every setting of the environment that a guide names is one', () => {
  const known = new Set(variablesIn(commandPage() + settingsText()))
  for (const paper of guides()) {
    for (const name of variablesIn(textOf(paper))) assert.ok(known.has(name), `${paper}: ${name}`)
  }
})
