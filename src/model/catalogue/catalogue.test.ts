/** Every sentence is there in each language and speaks of the same facts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { languages, say, type Sentence } from '../sentence.ts'
import { problems } from './problems.ts'
import { reasons } from './reasons.ts'
import { steps } from './steps.ts'

type Told = readonly [where: string, sentence: Sentence]

const told: readonly Told[] = [
  ...Object.entries(problems).flatMap(([code, { title, detail, advice }]): Told[] => [
    [`${code} title`, title],
    [`${code} detail`, detail],
    [`${code} advice`, advice],
  ]),
  ...Object.entries(reasons),
  ...Object.entries(steps),
]

const placesIn = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].toSorted()

// “은/는”, “이/가” … depend on the sound before them, which a fact decides: both forms are written.
const bareParticle = /\}`?(은|는|이|가|을|를|과|와|으로|로)(?![가-힣(])/

/** What is wrong with one sentence; nothing when all is well. */
function faultOf({ en, ko }: Sentence): string | undefined {
  if (en.trim() === '' || ko.trim() === '') return 'empty'
  if (placesIn(en).join() !== placesIn(ko).join()) return `places ${placesIn(en)} and ${placesIn(ko)}`
  const words = ko.replaceAll(/\{\w+\}|`[^`]*`/g, '')
  if (/[a-z]/i.test(en.replaceAll(/\{\w+\}/g, '')) && !/[가-힣]/.test(words)) return 'not in Korean'
  if (/[가-힣]/.test(en)) return 'not in English'
  const bare = bareParticle.exec(ko)
  if (bare !== null) return `${bare[0]} has one form only`
  if (/[{}]/.test(`${en}${ko}`.replaceAll(/\{\w+\}/g, ''))) return 'a brace stands alone'
  return / {2}|^ | $/.test(`${en}\n${ko}`) ? 'spaces' : undefined
}

test('no sentence is empty, and both languages name the same facts', () => {
  for (const [where, sentence] of told) assert.equal(faultOf(sentence), undefined, where)
  assert.ok(told.length > 200)
})

test('a sentence that lacks a fact, a language or a form of a particle is found', () => {
  const right: Sentence = { en: 'Host {host} is full', ko: '호스트 {host}이(가) 가득 찼습니다' }
  assert.equal(faultOf(right), undefined)
  const wrong: Partial<Sentence>[] = [
    { ko: '호스트가 가득 찼습니다' },
    { ko: '호스트 {name}이(가) 가득 찼습니다' },
    { ko: '' },
    { en: ' ' },
    { ko: 'Host {host} is full' },
    { ko: '호스트 {host}가 가득 찼습니다' },
    { ko: '호스트 {host}을 비우십시오' },
    { ko: '호스트 {host이(가) 가득 찼습니다' },
  ]
  for (const change of wrong)
    assert.notEqual(faultOf({ ...right, ...change }), undefined, JSON.stringify(change))
})

test('a sentence whose facts are all given shows no place', () => {
  for (const [where, sentence] of told) {
    const facts = Object.fromEntries(placesIn(sentence.en).map((place) => [place.slice(1, -1), 'x']))
    for (const language of languages) assert.doesNotMatch(say(sentence, facts, language), /[{}]/, where)
  }
})
